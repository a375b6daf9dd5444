//! What is tested on the host itself.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use lapwing_client::identity::Root;
use lapwing_core::local::agent::{PolicyReport, Status};

use super::Finding;
use crate::{commands::pam, failure::Failure, local};

/// The least that has to be free where files are replaced, in bytes.
const FREE_MIN: u64 = 1 << 20;
/// What others than root may not have on root's files.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What root allows, or why that is not known.
pub(super) enum Managed {
    Read(toml::Table),
    /// Only root may look.
    Hidden,
    Unusable(Finding),
}

impl Managed {
    /// The texts of a list.
    fn texts(&self, list: &str) -> Vec<&str> {
        let Self::Read(table) = self else { return Vec::new() };
        let values = table.get(list).and_then(toml::Value::as_array);
        values.into_iter().flatten().filter_map(toml::Value::as_str).collect()
    }

    /// The directories that passwords may go to.
    pub(super) fn directories(&self) -> Vec<&str> {
        let Self::Read(table) = self else { return Vec::new() };
        let tables = table.get("directory").and_then(toml::Value::as_array);
        tables.into_iter().flatten().filter_map(|table| table.get("id")?.as_str()).collect()
    }
}

/// Whether the agent runs, and what it says of itself.
pub(super) fn agent(agent: &local::AgentArgs) -> Vec<Finding> {
    const TEST: &str = "agent";
    let status: Result<Status, Failure> = agent.call("GetStatus", "status", local::TELL_MAX);
    let status = match status {
        Ok(status) => status,
        Err(failure) => {
            return vec![Finding::failed(
                TEST,
                "lapwingd does not answer",
                format!("systemctl enable --now lapwingd.socket lapwingd ({})", first_line(&failure)),
            )];
        }
    };
    let runs = Finding::ok(TEST, format!("lapwingd {} answers", status.agent_version));
    let next = status.next_step.unwrap_or_else(|| "see journalctl -u lapwingd".to_owned());
    let state = match status.state.as_str() {
        "failing" => Finding::failed("last cycle", status.summary, next),
        "waiting" | "disabled" => Finding::warning("last cycle", status.summary, next),
        _ => Finding::ok("last cycle", status.summary),
    };
    vec![runs, state]
}

fn first_line(failure: &Failure) -> String {
    failure.report().lines().next().unwrap_or_default().trim_start_matches("lapwing: ").to_owned()
}

/// Reads root's own file.
pub(super) fn managed_file(root: &Root) -> Managed {
    const TEST: &str = "managed.toml";
    let path = root.managed();
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Managed::Hidden,
        Err(error) => {
            let next = "write it: accounts = [\"NAME\"], and a [[directory]] with its id; `lapwing enrol` does that by itself";
            return Managed::Unusable(Finding::failed(TEST, format!("{shown}: {error}"), next));
        }
    };
    let is_roots = fs::metadata(&path)
        .is_ok_and(|metadata| metadata.uid() == 0 && metadata.mode() & WRITABLE_BY_OTHERS == 0);
    if !is_roots {
        let next = format!("see what stands in it, then: chown root:root {shown} && chmod 0600 {shown}");
        return Managed::Unusable(Finding::failed(
            TEST,
            format!("{shown} could have been written by others than root"),
            next,
        ));
    }
    match text.parse() {
        Ok(table) => Managed::Read(table),
        Err(error) => {
            let next = format!("correct {shown}");
            Managed::Unusable(Finding::failed(TEST, format!("{shown} is no TOML: {error}"), next))
        }
    }
}

/// What root's file lists.
pub(super) fn listed(managed: &Managed) -> Finding {
    const TEST: &str = "managed.toml";
    match managed {
        Managed::Unusable(finding) => finding.clone(),
        Managed::Hidden => Finding::skipped(TEST, "only root may read it"),
        Managed::Read(table) => {
            let lists_account = ["accounts", "prefixes", "uids"].iter().any(|list| {
                table.get(*list).and_then(toml::Value::as_array).is_some_and(|list| !list.is_empty())
            });
            let directories = managed.directories();
            if !lists_account {
                Finding::failed(TEST, "it lists no account", "add the account: accounts = [\"NAME\"]")
            } else if directories.is_empty() {
                Finding::failed(
                    TEST,
                    "it lists no directory",
                    "enrol, or add a [[directory]] with id = \"ad:DOMAIN\"",
                )
            } else {
                Finding::ok(TEST, format!("lists {}", directories.join(", ")))
            }
        }
    }
}

/// The policy in effect, and the account that it names.
pub(super) fn policy(agent: &local::AgentArgs, root: &Root, managed: &Managed) -> Vec<Finding> {
    const TEST: &str = "policy";
    let report: Result<PolicyReport, Failure> = agent.call("GetPolicy", "policy", local::TELL_MAX);
    let Ok(report) = report else { return vec![Finding::skipped(TEST, "the agent has to answer first")] };
    let Some(source) = &report.source else {
        let next = "set BackupDirectory in /etc/lapwing/policy.toml, or assign a policy to this host";
        return vec![Finding::failed(TEST, "no policy manages an account here", next)];
    };
    let remarks =
        report.remarks.len() + report.settings.iter().map(|setting| setting.remarks.len()).sum::<usize>();
    let found = format!("{source} decides");
    let policy = match remarks {
        0 => Finding::ok(TEST, found),
        _ => Finding::warning(TEST, format!("{found}; {remarks} remarks"), "read them: lapwing get-policy"),
    };
    let value = |name| {
        report.settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.as_str())
    };
    let is_on = |name| matches!(value(name), Some("true" | "1"));
    let makes_its_own =
        is_on("AutomaticAccountManagementEnabled") && value("AutomaticAccountManagementTarget") != Some("0");
    let account = if makes_its_own {
        let name = value("AutomaticAccountManagementNameOrPrefix").unwrap_or_default();
        own_account(managed, name, is_on("AutomaticAccountManagementEnableAccount"))
    } else {
        account(root, managed, value("AdministratorAccountName").unwrap_or_default())
    };
    let closing = is_on("PostAuthenticationActionsOnTime").then(|| closing(managed));
    [policy, account].into_iter().chain(closing).collect()
}

/// Whether root lets the account be closed as policy wants. docs/post-authentication.md.
fn closing(managed: &Managed) -> Finding {
    const TEST: &str = "sessions on time";
    match managed {
        Managed::Read(table) if table.get("may_close").and_then(toml::Value::as_bool) != Some(true) => {
            let next = "if it is meant, set in /etc/lapwing/managed.toml: may_close = true; else PostAuthenticationActionsOnTime = false";
            Finding::failed(TEST, "root's file lets no account be closed, so no session ends on time", next)
        }
        Managed::Read(_) => {
            let next = "none, if that is meant: nobody can log on with the account while its directory is away after a use";
            Finding::warning(TEST, "the account is closed while its password cannot be changed", next)
        }
        Managed::Hidden | Managed::Unusable(_) => Finding::skipped(TEST, "root's file has to be read first"),
    }
}

/// Whether root lets Lapwing make the account that policy wants. docs/automatic-accounts.md.
fn own_account(managed: &Managed, name: &str, is_enabled: bool) -> Finding {
    const TEST: &str = "account";
    let is_allowed = match managed {
        Managed::Read(_) => managed.texts("prefixes").iter().any(|prefix| name.starts_with(prefix)),
        Managed::Hidden | Managed::Unusable(_) => true,
    };
    if !is_allowed {
        let next = format!("if it is meant, add to /etc/lapwing/managed.toml: prefixes = [\"{name}\"]");
        return Finding::failed(TEST, format!("root's file lets no account {name} be made"), next);
    }
    if is_enabled {
        Finding::ok(TEST, format!("Lapwing keeps its own account {name}"))
    } else {
        let next = "none, if that is meant; else AutomaticAccountManagementEnableAccount = 1";
        Finding::warning(TEST, format!("Lapwing keeps its own account {name}, disabled by policy"), next)
    }
}

/// Whether the account that policy names is one of this host's own files, and root lets it be managed.
fn account(root: &Root, managed: &Managed, named: &str) -> Finding {
    const TEST: &str = "account";
    let passwd = match fs::read_to_string(root.path("/etc/passwd")) {
        Ok(passwd) => passwd,
        Err(error) => return Finding::failed(TEST, format!("/etc/passwd: {error}"), "make it readable"),
    };
    let is_named = |fields: &[&str]| {
        if named.is_empty() { fields.get(2) == Some(&"0") } else { fields.first() == Some(&named) }
    };
    let lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let Some(name) =
        lines.into_iter().find(|fields| is_named(fields)).and_then(|fields| fields.first().copied())
    else {
        let next =
            format!("create it (useradd --create-home {named}), or name another in AdministratorAccountName");
        return Finding::failed(TEST, format!("{named} is no account of /etc/passwd"), next);
    };
    let is_listed = match managed {
        Managed::Read(table) if named.is_empty() => {
            let uids = table.get("uids").and_then(toml::Value::as_array);
            uids.is_some_and(|uids| uids.iter().any(|uid| uid.as_integer() == Some(0)))
        }
        Managed::Read(_) => {
            let is_prefix = |prefix: &&str| name.starts_with(prefix);
            managed.texts("accounts").contains(&name) || managed.texts("prefixes").iter().any(is_prefix)
        }
        Managed::Hidden | Managed::Unusable(_) => true,
    };
    if is_listed {
        Finding::ok(TEST, format!("{name} is here"))
    } else {
        let entry =
            if named.is_empty() { "uids = [0]".to_owned() } else { format!("accounts = [\"{name}\"]") };
        let next = format!("if it is meant, add to /etc/lapwing/managed.toml: {entry}");
        Finding::failed(TEST, format!("root's file does not list {name}"), next)
    }
}

/// What the programs need of the system.
pub(super) fn system(root: &Root) -> Vec<Finding> {
    let mut findings = vec![root_half(root)];
    findings.extend(["/etc", "/var/lib"].map(|folder| room(folder, &root.path(folder))));
    findings.push(if root.path("/run/dbus/system_bus_socket").exists() {
        Finding::ok("system bus", "logind can be asked for sessions and told to wait before sleep")
    } else {
        let next =
            "install and start dbus: sessions cannot be ended without it, nor memory wiped before sleep";
        Finding::warning("system bus", "there is none", next)
    });
    findings.push(if root.path("/etc/pam.d/lapwing").exists() {
        Finding::ok("password rules", "/etc/pam.d/lapwing is there")
    } else {
        let next = "install dist/pam.d/lapwing as /etc/pam.d/lapwing: candidates are tried on this host's rules through it";
        Finding::warning("password rules", "/etc/pam.d/lapwing is missing", next)
    });
    findings
}

/// Whether log-ons are seen: nothing else depends on that, so what is missing is a warning.
pub(super) fn log_ons(root: &Root) -> Finding {
    const TEST: &str = "log-ons";
    match pam::passed_by(root) {
        None => Finding::warning(
            TEST,
            "this host has no PAM",
            "log-ons with the account start no grace period here",
        ),
        Some(missing) if missing.is_empty() => Finding::ok(TEST, "each log-on comes by the PAM module"),
        Some(missing) => Finding::warning(
            TEST,
            format!("not seen: {}", missing.join(", ")),
            "run `lapwing pam enable`; `lapwing pam check` says what is in the way",
        ),
    }
}

fn root_half(root: &Root) -> Finding {
    const TEST: &str = "root half";
    let path = root.path("/run/lapwing/priv.sock");
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.file_type().is_socket() => Finding::ok(TEST, "its socket is there"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Finding::skipped(TEST, "only root may look for its socket")
        }
        _ => Finding::failed(
            TEST,
            format!("{} is no socket", path.display()),
            "systemctl enable --now lapwing-priv.socket lapwing-recover.service",
        ),
    }
}

fn room(test: &'static str, folder: &Path) -> Finding {
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(error) => return Finding::failed(test, error.to_string(), format!("make {test} accessible")),
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let next = "mount it writable: files are replaced there at each rotation";
        Finding::failed(test, "it is mounted read-only", next)
    } else if free < FREE_MIN || stat.f_files > 0 && stat.f_favail == 0 {
        Finding::failed(test, format!("{free} bytes and {} files are free", stat.f_favail), "make room")
    } else {
        Finding::ok(test, "writable, with room")
    }
}
