//! Whether this system was booted in the normal way: nothing is changed in a rescue shell, a live or half-installed system, an
//! image that is being built, or where a change would be lost with the next boot.
//!
//! Pure: the root half, which alone can change anything, tells what it sees.

use core::fmt;

/// What was seen of how this system runs.
#[derive(Debug, Clone, Default)]
pub struct BootFacts {
    /// systemd has booted it: `/run/systemd/system` is there. sd_booted(3).
    pub is_booted: bool,
    /// It is an initial RAM disk: `/etc/initrd-release` is there. os-release(5).
    pub is_initrd: bool,
    /// The root directory is another than that of PID 1.
    pub is_chroot: bool,
    /// The rescue or emergency service that runs.
    pub rescue: Option<&'static str>,
    /// The words of the kernel's command line; in a container those of PID 1.
    pub words: Vec<String>,
    /// The kind of container that this is. <https://systemd.io/CONTAINER_INTERFACE>
    pub container: Option<String>,
    /// What `/etc/machine-id` says. machine-id(5).
    pub machine_id: String,
    /// What is mounted: `/proc/self/mountinfo`. proc_pid_mountinfo(5).
    pub mounts: String,
}

/// Why nothing is changed in this boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNormal {
    /// It is an initial RAM disk.
    Initrd,
    /// It is a directory of another system.
    Chroot,
    /// No systemd has booted it.
    NotBooted,
    /// A rescue or emergency shell.
    Rescue(&'static str),
    /// The command line asks for something else than a normal boot.
    Asked(String),
    /// `/etc` is lost with the next boot.
    Volatile(String),
    /// It has no identity yet: an image, or the first boot of one.
    NoMachineId,
    /// It is a container, and root's file does not allow that.
    Container(String),
}

impl NotNormal {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Initrd | Self::Rescue(_) | Self::Asked(_) => {
                "nothing, if that is meant: the password goes on being changed after the next normal boot"
            }
            Self::Chroot | Self::NotBooted | Self::NoMachineId => {
                "nothing, if an image is being made here: passwords are changed on the host that boots from it"
            }
            Self::Volatile(_) => "have /etc on storage that outlives a boot; until then enrol no such host",
            Self::Container(_) => {
                "if this container is a host of its own, set in /etc/lapwing/managed.toml: allow_container = true"
            }
        }
    }

    /// Whether a change that was recorded as acknowledged may be finished all the same: where it lasts, the password that the
    /// directory tells is the one to have.
    #[must_use]
    pub const fn may_finish(&self) -> bool {
        match self {
            Self::Rescue(_) | Self::Asked(_) | Self::Container(_) => true,
            Self::Initrd | Self::Chroot | Self::NotBooted | Self::Volatile(_) | Self::NoMachineId => false,
        }
    }
}

impl fmt::Display for NotNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initrd => f.write_str("this is an initial RAM disk"),
            Self::Chroot => {
                f.write_str("this is a directory of another system, not a system that was booted")
            }
            Self::NotBooted => f.write_str("this system was not booted by systemd"),
            Self::Rescue(unit) => write!(f, "this system was booted for repair: {unit} runs"),
            Self::Asked(word) => write!(f, "this is no normal boot: its command line says {word}"),
            Self::Volatile(kind) => write!(f, "what is written to /etc is lost with the next boot: {kind}"),
            Self::NoMachineId => f.write_str("this system has no machine id yet"),
            Self::Container(kind) => write!(f, "this is a container ({kind})"),
        }
    }
}

/// What the facts come to.
///
/// # Errors
/// Why nothing may be changed.
pub fn check(facts: &BootFacts, allow_container: bool) -> Result<(), NotNormal> {
    let refused = [
        facts.is_initrd.then_some(NotNormal::Initrd),
        facts.is_chroot.then_some(NotNormal::Chroot),
        (!facts.is_booted).then_some(NotNormal::NotBooted),
        facts.rescue.map(NotNormal::Rescue),
        facts.words.iter().find(|word| !is_of_normal_boot(word)).cloned().map(NotNormal::Asked),
        volatile(&facts.mounts, "/etc").map(NotNormal::Volatile),
        (!is_machine_id(&facts.machine_id)).then_some(NotNormal::NoMachineId),
        facts.container.clone().filter(|_| !allow_container).map(NotNormal::Container),
    ];
    refused.into_iter().flatten().next().map_or(Ok(()), Err)
}

/// kernel-command-line(7), dracut.cmdline(7), and what live systems are told by.
fn is_of_normal_boot(word: &str) -> bool {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    match (name, value) {
        ("single" | "S" | "s" | "1" | "-b" | "emergency" | "rescue" | "recovery" | "rd.break", _) => false,
        ("init", Some(program)) => matches!(program.rsplit('/').next(), Some("init" | "systemd")),
        ("systemd.unit", Some(unit)) => {
            matches!(unit, "default.target" | "multi-user.target" | "graphical.target")
        }
        ("systemd.volatile", value) => matches!(value, Some("no" | "0" | "false" | "off")),
        ("boot", Some("live")) | ("archisobasedir", Some(_)) => false,
        (name, _) => !name.starts_with("rd.live."),
    }
}

fn is_machine_id(text: &str) -> bool {
    let text = text.trim();
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One line of the table of mounts.
struct Mount<'a> {
    root: &'a str,
    at: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (place, source) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut source = source.split(' ');
        Some(Self {
            root: place.next()?,
            at: place.next()?,
            kind: source.next()?,
            options: source.nth(1).unwrap_or_default(),
        })
    }

    /// Whether it only hides a folder from a service: systemd.exec(5), `ProtectHome=`.
    fn is_mask(&self) -> bool {
        self.root.starts_with("/systemd/inaccessible")
    }

    fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.at.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The kind of file system at `path`, if nothing that is written there outlives a boot.
fn volatile(mounts: &str, path: &str) -> Option<String> {
    // Of two at one place the later one hides the other.
    let mount = mounts.lines().filter_map(Mount::parse).filter(|mount| mount.holds(path));
    let mount = mount.max_by_key(|mount| mount.at.len())?;
    match mount.kind {
        "tmpfs" | "ramfs" | "devtmpfs" | "squashfs" | "erofs" | "iso9660" | "cramfs" => {
            Some(mount.kind.to_owned())
        }
        "overlay" => match mount.options.split(',').find_map(|option| option.strip_prefix("upperdir=")) {
            None => Some("overlay that nothing is written to".to_owned()),
            // Its path is that of whoever mounted it. One that is itself in an overlay, or not to be found here, is believed.
            Some(upper) if !upper.starts_with('/') => None,
            Some(upper) => {
                let below = mounts
                    .lines()
                    .filter_map(Mount::parse)
                    .filter(|mount| mount.holds(upper) && !mount.is_mask());
                let below = below.max_by_key(|mount| mount.at.len())?;
                matches!(below.kind, "tmpfs" | "ramfs").then(|| format!("overlay on {}", below.kind))
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n22 21 0:5 / /run rw - tmpfs tmpfs rw\n";

    fn normal() -> BootFacts {
        BootFacts {
            is_booted: true,
            words: ["BOOT_IMAGE=/vmlinuz", "root=UUID=1", "ro", "quiet", "rd.luks.uuid=1"]
                .map(str::to_owned)
                .into(),
            machine_id: "0123456789abcdef0123456789abcdef\n".to_owned(),
            mounts: ROOT.to_owned(),
            ..BootFacts::default()
        }
    }

    #[test]
    fn each_thing_that_is_not_normal_stops_changes() {
        assert_eq!(check(&normal(), false), Ok(()));
        let container = || Some("lxc".to_owned());
        let table = [
            (BootFacts { is_initrd: true, ..normal() }, NotNormal::Initrd, false),
            (BootFacts { is_chroot: true, ..normal() }, NotNormal::Chroot, false),
            (BootFacts { is_booted: false, ..normal() }, NotNormal::NotBooted, false),
            (
                BootFacts { rescue: Some("rescue.service"), ..normal() },
                NotNormal::Rescue("rescue.service"),
                true,
            ),
            (
                BootFacts { machine_id: "uninitialized\n".to_owned(), ..normal() },
                NotNormal::NoMachineId,
                false,
            ),
            (BootFacts { machine_id: String::new(), ..normal() }, NotNormal::NoMachineId, false),
            (BootFacts { container: container(), ..normal() }, NotNormal::Container("lxc".to_owned()), true),
        ];
        for (facts, why, may_finish) in table {
            assert_eq!(check(&facts, false), Err(why.clone()));
            assert_eq!(why.may_finish(), may_finish, "{why}");
        }
        assert_eq!(check(&BootFacts { container: container(), ..normal() }, true), Ok(()));
    }

    #[test]
    fn a_permitted_container_is_held_to_everything_else() {
        let facts =
            BootFacts { container: Some("lxc".to_owned()), rescue: Some("rescue.service"), ..normal() };
        assert_eq!(check(&facts, true), Err(NotNormal::Rescue("rescue.service")));
    }

    #[test]
    fn the_command_line_tells_a_repair_from_a_boot() {
        let table = [
            ("single", false),
            ("S", false),
            ("1", false),
            ("emergency", false),
            ("rescue", false),
            ("recovery", false),
            ("rd.break", false),
            ("rd.break=pre-mount", false),
            ("init=/bin/bash", false),
            ("init=/sbin/init", true),
            ("init=/usr/lib/systemd/systemd", true),
            ("init=/nix/store/abc-nixos-system/init", true),
            ("systemd.unit=rescue.target", false),
            ("systemd.unit=multi-user.target", true),
            ("systemd.volatile=yes", false),
            ("systemd.volatile", false),
            ("systemd.volatile=no", true),
            ("boot=live", false),
            ("boot=zfs", true),
            ("rd.live.image", false),
            ("archisobasedir=arch", false),
            ("singlepass", true),
            ("splash", true),
        ];
        for (word, is_normal) in table {
            let facts = BootFacts { words: vec![word.to_owned()], ..normal() };
            assert_eq!(check(&facts, false).is_ok(), is_normal, "{word}");
        }
    }

    #[test]
    fn a_folder_that_is_lost_with_the_boot_is_told_from_one_that_stays() {
        let etc = |line: &str| format!("{ROOT}{line}\n");
        let table = [
            (ROOT.to_owned(), None),
            (etc("30 21 8:1 /etc /etc rw - ext4 /dev/sda1 rw"), None),
            (etc("30 21 0:9 / /etc rw - tmpfs tmpfs rw"), Some("tmpfs")),
            (etc("30 21 0:9 / /etcetera rw - tmpfs tmpfs rw"), None),
            (
                etc("30 21 0:9 / /etc rw - overlay overlay rw,lowerdir=/etc,upperdir=/run/up,workdir=/run/w"),
                Some("overlay on tmpfs"),
            ),
            (
                etc("30 21 0:9 / /etc rw - overlay overlay rw,lowerdir=/etc,upperdir=/var/up,workdir=/var/w"),
                None,
            ),
            (
                etc("30 21 0:9 / /etc ro - overlay overlay ro,lowerdir=/a:/b"),
                Some("overlay that nothing is written to"),
            ),
            ("21 1 7:0 / / ro - squashfs /dev/loop0 ro\n".to_owned(), Some("squashfs")),
            (
                "21 1 0:9 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/root/up,workdir=/root/w\n\
                 22 21 0:5 /systemd/inaccessible/dir /root ro - tmpfs tmpfs rw\n"
                    .to_owned(),
                None,
            ),
            // A container's: the upper folder is the machine's, and not to be found here.
            (
                "21 1 0:9 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/m/up,workdir=/m/w\n".to_owned(),
                None,
            ),
            (etc("30 21 0:9 / /etc rw - tmpfs tmpfs rw\n31 30 8:1 /etc /etc rw - ext4 /dev/sda1 rw"), None),
            ("nonsense".to_owned(), None),
        ];
        for (mounts, kind) in table {
            assert_eq!(volatile(&mounts, "/etc").as_deref(), kind, "{mounts}");
        }
    }
}
