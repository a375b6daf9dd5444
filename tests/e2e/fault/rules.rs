//! The host's own password rules accept nothing.

use super::{Complaint, SOON, Settled};

const NOTHING_ACCEPTED: Complaint =
    Complaint { event: 10027, next_step: "relax the host's PAM password rules" };

#[test]
fn rules_that_no_password_meets_stop_the_rotation_until_they_are_relaxed() {
    let mut settled = Settled::new();
    let rules = settled.scene.host.run(&["cat", "/etc/pam.d/lapwing"]).unwrap();
    for stack in [
        "password required pam_deny.so\n",
        "password requisite pam_pwquality.so enforce_for_root minlen=200\npassword required pam_permit.so\n",
    ] {
        settled.scene.host.write("/etc/pam.d/lapwing", 0o644, stack.as_bytes()).unwrap();
        settled.complains(NOTHING_ACCEPTED);
        settled.scene.host.write("/etc/pam.d/lapwing", 0o644, rules.as_bytes()).unwrap();
        settled = settled.heals(SOON);
    }
}
