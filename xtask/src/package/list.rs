//! Which packages there are, and what is in each.

use super::Form;

/// A package: its texts, what it needs, and its files.
pub(super) struct Package {
    pub(super) name: &'static str,
    /// Its name where it differs on RPM-based systems.
    rpm_name: Option<&'static str>,
    pub(super) summary: &'static str,
    /// What it is for, in lines; [`LEAD`] goes before it.
    pub(super) description: &'static str,
    pub(super) section: &'static str,
    /// What Debian's needs besides the libraries that its programs name: fields of `control`.
    pub(super) deb: &'static [(&'static str, &'static str)],
    /// What the other needs besides those: tags of the spec file.
    pub(super) rpm: &'static [(&'static str, &'static str)],
    pub(super) files: &'static [File],
    /// The crates whose programs these are.
    pub(super) crates: &'static [&'static str],
}

/// A file of a package: where it comes from, where it goes below `/`, and in which packages.
pub(super) struct File(pub(super) Source, pub(super) &'static str, pub(super) Option<Form>);

/// Where a file comes from.
pub(super) enum Source {
    /// A program, by its name.
    Program(&'static str),
    /// A file below `dist/` that is run.
    Script(&'static str),
    /// Any other file below `dist/`.
    Dist(&'static str),
    /// A file that `lapwing generate-docs` writes.
    Generated(&'static str),
    /// All man pages that it writes, into a folder.
    Pages,
    /// A library, by its name.
    Library(&'static str),
}

use Source::{Dist, Generated, Library, Pages, Program, Script};

impl Package {
    pub(super) fn name(&self, form: Form) -> &'static str {
        match form {
            Form::Deb => self.name,
            Form::Rpm => self.rpm_name.unwrap_or(self.name),
        }
    }
}

/// What the description of each begins with.
pub(super) const LEAD: &str = "\
Lapwing gives each managed host one local administrator account with its
own random password, which the host changes by itself and the directory
keeps.";

const UNITS: &str = "usr/lib/systemd/system/";
const PAGES_8: &str = "usr/share/man/man8/";

/// All of them, each after those that it needs.
pub(super) const PACKAGES: [Package; 5] = [
    Package {
        name: "lapwing",
        rpm_name: None,
        summary: "administrator's command for Lapwing, an open Windows LAPS",
        description: "This is the command by which an administrator enrols a host, asks how it\n\
                      stands, has its password changed, and reads passwords from lapwing-server,\n\
                      Entra ID or Active Directory.",
        section: "admin",
        deb: &[("Depends", "${shlibs}"), ("Suggests", "lapwing-agent")],
        rpm: &[],
        files: &[
            File(Program("lapwing"), "usr/bin/", None),
            File(Pages, "usr/share/man/man1/", None),
            File(
                Generated("completions/lapwing.bash"),
                "usr/share/bash-completion/completions/lapwing",
                None,
            ),
            File(Generated("completions/lapwing.fish"), "usr/share/fish/vendor_completions.d/", None),
            File(Generated("completions/_lapwing"), "usr/share/zsh/vendor-completions/", Some(Form::Deb)),
            File(Generated("completions/_lapwing"), "usr/share/zsh/site-functions/", Some(Form::Rpm)),
        ],
        crates: &["lapwing-cli"],
    },
    Package {
        name: "lapwing-agent",
        rpm_name: None,
        summary: "keeps a local administrator's password random and known to the directory",
        description: "This is what runs on a managed host: lapwingd, which has the network and\n\
                      no privileges, and lapwingd-priv, which has root and no network. Removing\n\
                      it leaves the account with the password that the directory holds.",
        section: "admin",
        // libcrypt and libpam are loaded by name when a password is hashed and tried.
        deb: &[
            (
                "Depends",
                "lapwing (= {version}), libcrypt1, libpam0g, libpam-runtime, passwd, systemd, ${shlibs}",
            ),
            ("Recommends", "libpam-lapwing"),
            ("Suggests", "adcli, polkitd, smbclient, sssd"),
        ],
        rpm: &[
            ("Requires", "lapwing = {version}, pam, shadow-utils, systemd"),
            ("Recommends", "pam_lapwing"),
            ("Suggests", "adcli, polkit, samba-client, sssd"),
        ],
        files: &[
            File(Program("lapwingd"), "usr/sbin/", None),
            File(Program("lapwingd-priv"), "usr/libexec/lapwing/", None),
            File(Script("retire.sh"), "usr/libexec/lapwing/retire", None),
            File(Dist("systemd/lapwing-log-on.socket"), UNITS, None),
            File(Dist("systemd/lapwing-priv.socket"), UNITS, None),
            File(Dist("systemd/lapwing-priv@.service"), UNITS, None),
            File(Dist("systemd/lapwing-recover.service"), UNITS, None),
            File(Dist("systemd/lapwingd.service"), UNITS, None),
            File(Dist("systemd/lapwingd.socket"), UNITS, None),
            File(Dist("rpm/80-lapwing.preset"), "usr/lib/systemd/system-preset/", Some(Form::Rpm)),
            File(Dist("lapwing.catalog"), "usr/lib/systemd/catalog/", None),
            File(Dist("sysusers.d/lapwing.conf"), "usr/lib/sysusers.d/", None),
            File(Dist("tmpfiles.d/lapwing.conf"), "usr/lib/tmpfiles.d/", None),
            // Where there is no common-password, lapwingd-priv finds the stack by itself.
            File(Dist("pam.d/lapwing"), "usr/lib/pam.d/", Some(Form::Deb)),
            File(Dist("managed.toml"), "usr/share/doc/lapwing-agent/examples/", None),
            File(Dist("man/lapwingd.8"), PAGES_8, None),
            File(Dist("man/lapwingd-priv.8"), PAGES_8, None),
        ],
        crates: &["lapwing-agent", "lapwing-priv"],
    },
    Package {
        name: "libpam-lapwing",
        rpm_name: Some("pam_lapwing"),
        summary: "tells Lapwing of log-ons with the managed account, and protects its password",
        description: "This PAM module tells the agent when the account is used, so that its\n\
                      password is changed afterwards, and refuses to have it changed by hand. No\n\
                      log-on waits for it or fails because of it.",
        section: "admin",
        deb: &[("Depends", "lapwing-agent (= {version}), libpam-runtime, ${shlibs}")],
        rpm: &[("Requires", "lapwing = {version}, lapwing-agent = {version}"), ("Recommends", "authselect")],
        files: &[
            File(
                Library("libpam_lapwing.so"),
                "usr/lib/{multiarch}/security/pam_lapwing.so",
                Some(Form::Deb),
            ),
            File(Library("libpam_lapwing.so"), "usr/lib64/security/pam_lapwing.so", Some(Form::Rpm)),
            File(Dist("pam-configs/lapwing"), "usr/share/pam-configs/", Some(Form::Deb)),
            File(Dist("pam-configs/lapwing-smart-cards"), "usr/share/pam-configs/", Some(Form::Deb)),
        ],
        crates: &["lapwing-pam"],
    },
    Package {
        name: "lapwing-server",
        rpm_name: None,
        summary: "directory for Lapwing: keeps the passwords of managed accounts",
        description: "This is a directory for hosts that have none: it keeps passwords\n\
                      encrypted, shows them to those whose role allows it, and records who read\n\
                      what. It has a console, the calls of the Graph API for LAPS, and device\n\
                      management.",
        section: "net",
        deb: &[("Depends", "${shlibs}"), ("Suggests", "lapwing")],
        rpm: &[],
        files: &[
            File(Program("lapwing-server"), "usr/sbin/", None),
            File(Dist("systemd/lapwing-server.service"), UNITS, None),
            File(Dist("man/lapwing-server.8"), PAGES_8, None),
        ],
        crates: &["lapwing-server"],
    },
    Package {
        name: "lapwing-kds",
        rpm_name: None,
        summary: "group keys of encrypted passwords for domains of Samba's",
        description: "This runs on a domain controller of Samba's and gives its members the\n\
                      group keys by which passwords are encrypted as Windows LAPS does it.\n\
                      Whoever controls it can open every password of the forest. Installing it\n\
                      does not start it.",
        section: "net",
        deb: &[("Depends", "lapwing, ${shlibs}"), ("Recommends", "samba-ad-dc | samba")],
        rpm: &[("Requires", "lapwing"), ("Recommends", "samba-dc")],
        files: &[
            File(Program("lapwing-kds"), "usr/sbin/", None),
            File(Dist("systemd/lapwing-kds.service"), UNITS, None),
            File(Dist("man/lapwing-kds.8"), PAGES_8, None),
        ],
        crates: &["lapwing-kds"],
    },
];
