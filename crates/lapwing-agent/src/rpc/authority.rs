//! Who may ask for a rotation: root, and the members of the group that `agent.toml` names.

use std::fs;

use lapwing_client::identity::{AgentSettings, Root};
use tokio::net::unix::UCred;

/// Whether the peer may ask for more than the status. Membership is read from the local files, as everything that
/// decides about this host is.
pub(super) fn may_act(root: &Root, peer: UCred) -> bool {
    if peer.uid() == 0 {
        return true;
    }
    let Ok(AgentSettings { admin_group: Some(group), .. }) = AgentSettings::load(root) else { return false };
    let read = |path| fs::read_to_string(root.path(path)).unwrap_or_default();
    is_member(&read("etc/passwd"), &read("etc/group"), &group, peer.uid(), peer.gid())
}

fn is_member(passwd: &str, group_file: &str, group: &str, uid: u32, gid: u32) -> bool {
    let user = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    group_file.lines().filter(|line| line.split(':').next() == Some(group)).any(|line| {
        let mut fields = line.split(':').skip(2);
        let is_primary = fields.next().is_some_and(|number| number.parse() == Ok(gid));
        let members = fields.next().unwrap_or_default();
        is_primary || user.is_some_and(|user| members.split(',').any(|member| member == user))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:27::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nsudo:x:27:ann,carol\nann:x:1000:\n";

    #[test]
    fn members_by_name_and_by_primary_group_may_act() {
        assert!(is_member(PASSWD, GROUP, "sudo", 1000, 1000));
        assert!(is_member(PASSWD, GROUP, "sudo", 1001, 27));
    }

    #[test]
    fn others_may_not() {
        assert!(!is_member(PASSWD, GROUP, "sudo", 1002, 1002));
        assert!(!is_member(PASSWD, GROUP, "wheel", 1000, 1000));
        assert!(!is_member("", GROUP, "sudo", 1000, 1000));
        assert!(!is_member(PASSWD, "sudo:x:\nsudo\n", "sudo", 1000, 27));
    }
}
