//! The programs by which distributions keep their PAM configuration: pam-auth-update(8), authselect(8).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lapwing_client::identity::{Root, files};

use super::stack::{self, Facility, MODULE, Reach};
use crate::{
    failure::{Code, Failure},
    program,
};

/// The profile's name with either tool.
const PROFILE: &str = "lapwing";
/// The one of pam-auth-update that lets the managed account in without a smart card.
const SMART_CARDS_PROFILE: &str = "lapwing-smart-cards";
/// The same for authselect: whoever is on the list is judged by his password alone, and everybody else by what follows.
/// docs/pam.md, "Hosts that demand smart cards".
const SMART_CARDS_LINES: [&str; 2] = [
    "auth        [success=ok default=1] pam_listfile.so item=user sense=allow file=/run/lapwing-priv/accounts onerr=fail quiet",
    "auth        [success=done default=die] pam_unix.so",
];
const BY_HAND: &str = "enter the lines of docs/pam.md by hand";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Enable {
        /// Whether the managed account is to be let in by its password where smart cards are demanded.
        smart_cards: bool,
    },
    Disable,
}

/// Why the configuration is not as it was asked for.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("this host has neither pam-auth-update nor authselect")]
    NoTool,
    #[error("{0} is not there")]
    NoProfile(String),
    #[error("{0} could not be run")]
    NotRun(&'static str, #[source] io::Error),
    #[error("{tool} failed: {said}")]
    Failed { tool: &'static str, said: String },
    #[error("pam-auth-update left the configuration as it is")]
    LeftAlone,
    #[error("{} cannot be changed", .0.display())]
    File(PathBuf, #[source] io::Error),
}

impl ToolError {
    fn next_step(&self) -> String {
        match self {
            Self::NoTool => BY_HAND.to_owned(),
            Self::NoProfile(_) => "install the package that brings the module".to_owned(),
            Self::NotRun(..) | Self::Failed { .. } => format!("see what it says, or {BY_HAND}"),
            Self::LeftAlone => format!(
                "files of /etc/pam.d were changed by hand: `pam-auth-update --force` writes them anew, without those changes; or {BY_HAND}"
            ),
            Self::File(..) => "check that its folder can be written".to_owned(),
        }
    }
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        let next_step = error.next_step();
        Self::new(Code::Failed, error, next_step)
    }
}

/// The system whose tool is asked.
pub(super) struct System<'a> {
    root: &'a Root,
    /// The folder of one that is not the one that runs.
    image: Option<&'a Path>,
}

impl<'a> System<'a> {
    pub(super) const fn new(root: &'a Root, image: Option<&'a Path>) -> Self {
        Self { root, image }
    }

    /// Makes the change and says what was done.
    pub(super) fn apply(&self, change: Change) -> Result<String, Failure> {
        let has = |path| self.root.path(path).exists();
        // Debian has both; there authselect keeps the files once a profile of its own is selected.
        Ok(if has("usr/sbin/pam-auth-update") && !has("etc/authselect/authselect.conf") {
            self.by_pam_auth_update(change)
        } else if has("usr/bin/authselect") {
            self.by_authselect(change)
        } else {
            Err(ToolError::NoTool)
        }?)
    }

    fn by_pam_auth_update(&self, change: Change) -> Result<String, ToolError> {
        const TOOL: &str = "pam-auth-update";
        let (option, profiles): (_, &[_]) = match change {
            Change::Enable { smart_cards: true } => ("--enable", &[PROFILE, SMART_CARDS_PROFILE]),
            Change::Enable { smart_cards: false } => ("--enable", &[PROFILE]),
            Change::Disable => ("--disable", &[PROFILE, SMART_CARDS_PROFILE]),
        };
        for profile in profiles {
            let profile = format!("usr/share/pam-configs/{profile}");
            if !self.root.path(&profile).exists() {
                return Err(ToolError::NoProfile(format!("/{profile}")));
            }
        }
        self.run(TOOL, "/usr/sbin/pam-auth-update", &[&[option], profiles].concat())?;
        // It succeeds too where it has found changes of somebody else's, and then does nothing.
        let read = |name: &str| fs::read_to_string(self.root.path(&format!("etc/pam.d/{name}"))).ok();
        let [auth, password] = [("common-auth", Facility::Auth), ("common-password", Facility::Password)]
            .map(|(file, facility)| stack::reach(&read, file, facility) == Some(Reach::Reached));
        match change {
            Change::Enable { .. } if auth && password => {
                Ok(format!("{TOOL} has entered {MODULE} into the common files of /etc/pam.d"))
            }
            Change::Disable if !auth && !password => {
                Ok(format!("{TOOL} has taken {MODULE} out of the common files of /etc/pam.d"))
            }
            Change::Enable { .. } | Change::Disable => Err(ToolError::LeftAlone),
        }
    }

    fn by_authselect(&self, change: Change) -> Result<String, ToolError> {
        let current = self.authselect(&["current", "--raw"])?;
        let mut words = current.split_whitespace();
        let (selected, features) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        let own = format!("custom/{PROFILE}");
        let folder = self.root.path(&format!("etc/authselect/{own}"));
        // Which profile ours was made from, for the way back.
        let origin = folder.join("origin");
        let select = |profile: &str| self.authselect(&[&["select", profile][..], &features].concat());
        match (change, selected == own) {
            (Change::Enable { .. }, true) => {
                Ok(format!("{own} is selected already; `lapwing pam disable` comes before another choice"))
            }
            (Change::Disable, false) => Ok(format!("{own} is not selected")),
            (Change::Enable { smart_cards }, false) => {
                remove(&folder)?;
                self.authselect(&["create-profile", PROFILE, "--base-on", selected, "--symlink-meta"])?;
                replace(&origin, selected)?;
                for file in ["system-auth", "password-auth"] {
                    let path = folder.join(file);
                    replace(&path, &with_module_first(&read(&path)?, smart_cards))?;
                }
                select(&own)?;
                Ok(format!("authselect has selected {own}, made from {selected}, with the same features"))
            }
            (Change::Disable, true) => {
                let before = read(&origin)?;
                select(before.trim())?;
                remove(&folder)?;
                Ok(format!("authselect has selected {} again", before.trim()))
            }
        }
    }

    fn authselect(&self, arguments: &[&str]) -> Result<String, ToolError> {
        self.run("authselect", "/usr/bin/authselect", arguments)
    }

    /// Runs a program of the system's own, and gives what it printed. In another system it runs within that one's root: what it
    /// keeps elsewhere than in its configuration, as debconf's answers are, must not come into the one that runs.
    fn run(&self, tool: &'static str, path: &str, arguments: &[&str]) -> Result<String, ToolError> {
        let mut command = match self.image {
            None => program::command(path),
            Some(image) => {
                let mut command = program::command("/usr/sbin/chroot");
                command.arg(image).arg(path);
                command
            }
        };
        let output = command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .map_err(|error| ToolError::NotRun(tool, error))?;
        let text = |bytes: &[u8]| crate::output::shown(String::from_utf8_lossy(bytes).trim());
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(ToolError::Failed { tool, said: format!("{}{}", text(&output.stdout), text(&output.stderr)) })
    }
}

fn replace(path: &Path, text: &str) -> Result<(), ToolError> {
    files::replace_public(path, text.as_bytes())
        .map_err(|error| ToolError::File(path.to_owned(), io::Error::other(error)))
}

fn read(path: &Path) -> Result<String, ToolError> {
    fs::read_to_string(path).map_err(|error| ToolError::File(path.to_owned(), error))
}

fn remove(folder: &Path) -> Result<(), ToolError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ToolError::File(folder.to_owned(), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A stack of authselect's with our module before all others: `sufficient pam_localuser.so`, further down, ends the one of accounts
/// for every local user.
fn with_module_first(text: &str, smart_cards: bool) -> String {
    let mut missing = vec![
        ("auth", "[default=ignore]"),
        ("account", "[default=ignore]"),
        ("password", "[perm_denied=die default=ignore]"),
        ("session", "[default=ignore]"),
    ];
    let mut lines = Vec::new();
    for line in text.lines() {
        let facility = line.split_whitespace().next().unwrap_or_default().trim_start_matches('-');
        if let Some(at) = missing.iter().position(|(missing, _)| *missing == facility) {
            let (facility, control) = missing.remove(at);
            lines.push(format!("{facility:<11} {control} {MODULE}"));
            if facility == "auth" && smart_cards {
                lines.extend(SMART_CARDS_LINES.map(str::to_owned));
            }
        }
        lines.push(line.to_owned());
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As authselect has it, with its marks for features.
    const SYSTEM_AUTH: &str = "auth        required      pam_env.so\n\
        auth        sufficient    pam_unix.so {if not \"without-nullok\":nullok}\n\n\
        account     required      pam_unix.so\n\
        account     sufficient    pam_localuser.so\n\n\
        password    requisite     pam_pwquality.so\n\n\
        -session    optional      pam_systemd.so\n";

    #[test]
    fn the_module_comes_before_all_others_and_nothing_else_changes() {
        let changed = with_module_first(SYSTEM_AUTH, false);
        let read = |name: &str| (name == "system-auth").then(|| changed.clone());
        for facility in [Facility::Auth, Facility::Account, Facility::Password] {
            assert_eq!(stack::reach(&read, "system-auth", facility), Some(Reach::Reached), "{facility:?}");
        }
        let others: Vec<_> = changed.lines().filter(|line| !line.contains(MODULE)).collect();
        assert_eq!(others, SYSTEM_AUTH.lines().collect::<Vec<_>>());
        assert_eq!(changed.lines().count(), others.len() + 4);
        let changed = with_module_first(SYSTEM_AUTH, true);
        assert_eq!(changed.lines().skip(1).take(2).collect::<Vec<_>>(), SMART_CARDS_LINES);
        assert_eq!(changed.lines().count(), others.len() + 6);
    }
}
