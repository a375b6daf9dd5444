//! What is tested of the way to the directory.

use core::time::Duration;
use std::{error::Error, fs, io};

use lapwing_client::{
    ad::{AdSettings, Candidates, Found, LocateError, Source, Tried, Wish},
    cloud,
    identity::{Identity, IdentityError, Root},
    transport::Limits,
};
use lapwing_proto::ad::dns::DnsName;

use super::{Finding, host::Managed};
use crate::{failure::Failure, os, profile::run_async};

/// How long the search for a controller may take.
const SEARCH_MAX: Duration = Duration::from_secs(10);
const AD_PREFIX: &str = "ad:";

/// The directories that root's file lists; without it, what there is to find.
pub(super) fn findings(root: &Root, managed: &Managed) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let directories = managed.directories();
    let domains: Vec<&str> = directories.iter().filter_map(|id| id.strip_prefix(AD_PREFIX)).collect();
    if domains.len() < directories.len() || matches!(managed, Managed::Hidden) {
        findings.push(enrolment(root)?);
    }
    for domain in domains {
        findings.extend(keytab(root));
        findings.extend(controllers(root, domain)?);
        findings.push(smbclient(root));
    }
    Ok(findings)
}

/// Whether the server of this host's enrolment answers, and is who it was.
fn enrolment(root: &Root) -> Result<Finding, Failure> {
    const TEST: &str = "server";
    let identity = match Identity::load(root) {
        Ok(identity) => identity,
        Err(IdentityError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Finding::skipped(TEST, "only root may use this host's key"));
        }
        Err(error) => return Ok(Finding::failed("enrolment", chain(&error), error.next_step())),
    };
    let host = identity.settings.server.host().to_owned();
    run_async(async {
        Ok(match cloud::management(&identity, Limits::default()).await {
            Ok(_) => Finding::ok(TEST, format!("{host} answers, and its certificate is trusted")),
            Err(error) => Finding::failed(TEST, chain(&error), error.next_step()),
        })
    })
}

fn keytab(root: &Root) -> Option<Finding> {
    const TEST: &str = "keytab";
    let path = root.path("/etc/krb5.keytab");
    let next = "join this host to the domain: realm join DOMAIN, or adcli join";
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => {
            Some(Finding::ok(TEST, "the machine's keytab is there"))
        }
        Ok(_) => Some(Finding::failed(TEST, format!("{} is empty", path.display()), next)),
        // Root's file may name another.
        Err(error) => Some(Finding::warning(TEST, format!("{}: {error}", path.display()), next)),
    }
}

/// Whether DNS names controllers, one of them answers, and its clock is ours.
fn controllers(root: &Root, domain: &str) -> Result<Vec<Finding>, Failure> {
    const TEST: &str = "domain controller";
    let settings = match fs::read(root.agent_settings()) {
        Ok(bytes) => AdSettings::parse(&bytes),
        Err(_) => Ok(AdSettings::default()),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return Ok(vec![Finding::failed("agent.toml", chain(&error), error.next_step())]),
    };
    let Ok(domain) = DnsName::parse(domain) else {
        let next = "correct the id of the [[directory]] in /etc/lapwing/managed.toml";
        return Ok(vec![Finding::failed(TEST, format!("{domain} is no name in DNS"), next)]);
    };
    let source =
        Source { domain, site: settings.site, controllers: settings.controllers, host: os::host_name() };
    run_async(async {
        let mut candidates = Candidates::begin(source, Wish::default(), os::chance());
        let found = candidates.next(SEARCH_MAX).await;
        let (tried, unlisted) = candidates.into_tried();
        Ok(vec![judge(found, &tried, unlisted)])
    })
}

fn judge(found: Option<Found>, tried: &[Tried], unlisted: Option<LocateError>) -> Finding {
    const TEST: &str = "domain controller";
    let passed_over: Vec<String> =
        tried.iter().map(|tried| format!("{}: {}", tried.controller, chain(&tried.why))).collect();
    match (found, unlisted) {
        (Some(found), _) if passed_over.is_empty() => {
            Finding::ok(TEST, format!("{} at {} answers", found.controller.name, found.controller.address))
        }
        (Some(found), _) => {
            let found =
                format!("{} answers, but not all do: {}", found.controller.name, passed_over.join("; "));
            Finding::warning(TEST, found, "see to those that do not, or leave them out of DNS")
        }
        (None, Some(error)) => Finding::failed(TEST, chain(&error), error.next_step()),
        (None, None) => {
            let next = "see that DNS and the ports 389 (TCP and UDP), 88 and 464 of a controller can be reached from here";
            Finding::failed(TEST, format!("none can be used: {}", passed_over.join("; ")), next)
        }
    }
}

fn smbclient(root: &Root) -> Finding {
    const TEST: &str = "smbclient";
    if root.path("/usr/bin/smbclient").exists() {
        Finding::ok(TEST, "Group Policy can be read")
    } else {
        let next = "install the package smbclient: where Group Policy can never be read, policy.toml does not count either";
        Finding::failed(TEST, "it is not installed", next)
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(why) = source {
        text.push_str(&format!(": {why}"));
        source = why.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use lapwing_client::ad::NotTaken;

    use super::{super::Verdict, *};

    #[test]
    fn a_domain_is_judged_by_whether_any_controller_can_be_used() {
        let silent = || vec![Tried { controller: "dc2".to_owned(), why: NotTaken::Silent }];
        let none = judge(None, &silent(), None);
        assert_eq!(
            (none.verdict, none.found.as_str()),
            (Verdict::Failed, "none can be used: dc2: it does not answer")
        );
    }
}
