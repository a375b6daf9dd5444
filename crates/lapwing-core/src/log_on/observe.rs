//! What reports mean, one after another.
//!
//! A module sees that a password was asked for before anybody knows whether it is right. So each such question is kept until
//! the same process goes on to have the account admitted, which is a success, or gives up, or has said nothing for too long,
//! which are failures. Programs that end themselves in between (sshd's child for keyboard-interactive) say nothing more.

use core::time::Duration;
use std::collections::BTreeMap;

use super::report::{Phase, Report};
use crate::types::{AccountName, BootTime};

/// How long after a question nothing more has to be heard for it to count as failed.
pub const FAILURE_AFTER: Duration = Duration::from_secs(120);
/// The most questions that are kept; of more the oldest counts as failed.
pub const PENDING_MAX: usize = 256;

/// Services that run jobs of an account, which nobody used by that.
const JOBS: [&str; 5] = ["systemd-user", "cron", "crond", "atd", "runuser"];
/// The service that asks PAM to admit whoever has proved himself by a key or a ticket.
const SSHD: &str = "sshd";

/// How an account was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// By its password, or whatever else PAM asks for.
    Authenticated,
    /// By a key or a ticket, which PAM knows nothing of.
    Otherwise,
    /// By a program of root's, without proving anything.
    Impersonated,
    /// Not: the password was wrong, or nothing was heard of it any more.
    Failed,
    /// Not: somebody wanted to change its password, and was refused.
    ChangeRefused,
}

/// A use of the account, or an attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How.
    pub how: Use,
    /// The account.
    pub account: AccountName,
    /// By which service.
    pub service: String,
    /// On which terminal; empty without one.
    pub terminal: String,
    /// From where; empty if from here.
    pub remote_host: String,
}

impl Seen {
    fn of(how: Use, report: Report) -> Self {
        let Report { account, service, terminal, remote_host, .. } = report;
        Self { how, account, service, terminal, remote_host }
    }
}

/// Makes uses of reports.
#[derive(Debug, Default)]
pub struct Observer {
    /// By process: the question, and when it was asked.
    pending: BTreeMap<u32, (BootTime, Report)>,
}

impl Observer {
    /// Takes in one report.
    pub fn observe(&mut self, now: BootTime, report: Report) -> Vec<Seen> {
        let mut seen = self.overdue(now);
        if JOBS.contains(&report.service.as_str()) {
            return seen;
        }
        let how = match report.phase {
            Phase::Authenticating => {
                seen.extend(self.ask(now, report));
                return seen;
            }
            Phase::SessionOpened | Phase::SessionClosed => return seen,
            Phase::Admitted => {
                self.pending.remove(&report.pid);
                Use::Authenticated
            }
            // A program of root's that nobody spoke to from elsewhere: `su`, a unit with a service of PAM's, a desktop that logs its
            // user on by itself.
            Phase::AdmittedOtherwise
                if report.caller == 0 && report.service != SSHD && report.remote_host.is_empty() =>
            {
                Use::Impersonated
            }
            Phase::AdmittedOtherwise => Use::Otherwise,
            // Of one that was admitted before, it tells nothing new.
            Phase::Refused if self.pending.remove(&report.pid).is_none() => return seen,
            Phase::Refused => Use::Failed,
            Phase::ChangeRefused => Use::ChangeRefused,
        };
        seen.push(Seen::of(how, report));
        seen
    }

    /// Keeps a question; what that ends as failed.
    fn ask(&mut self, now: BootTime, report: Report) -> Option<Seen> {
        // One that is asked again within the same process was answered wrong.
        let again = self.pending.insert(report.pid, (now, report)).map(|(_, before)| before);
        let crowded = (self.pending.len() > PENDING_MAX).then(|| {
            let oldest = self.pending.iter().min_by_key(|(_, (at, _))| *at).map(|(pid, _)| *pid);
            oldest.and_then(|pid| self.pending.remove(&pid)).map(|(_, report)| report)
        });
        again.or(crowded.flatten()).map(|report| Seen::of(Use::Failed, report))
    }

    /// The questions of which nothing was heard for too long.
    pub fn overdue(&mut self, now: BootTime) -> Vec<Seen> {
        let is_overdue = |asked: BootTime| now >= asked.saturating_add(FAILURE_AFTER);
        let overdue: Vec<u32> =
            self.pending.iter().filter(|(_, (asked, _))| is_overdue(*asked)).map(|(pid, _)| *pid).collect();
        let taken = overdue.into_iter().filter_map(|pid| self.pending.remove(&pid));
        taken.map(|(_, report)| Seen::of(Use::Failed, report)).collect()
    }

    /// When [`Self::overdue`] has something to tell if nothing is heard.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<BootTime> {
        self.pending.values().map(|(asked, _)| asked.saturating_add(FAILURE_AFTER)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports as `PHASE SERVICE CALLER`, each a second after the one before; what is seen within three minutes after.
    fn seen(reports: &[(Phase, &str, u32)]) -> Vec<Use> {
        let mut observer = Observer::default();
        let mut uses = Vec::new();
        for (at, (phase, service, caller)) in (0_u64..).zip(reports) {
            let now = BootTime(Duration::from_secs(at));
            uses.extend(
                observer.observe(now, report(*phase, service, *caller, 7)).into_iter().map(|seen| seen.how),
            );
        }
        uses.extend(observer.overdue(BootTime(Duration::from_secs(180))).into_iter().map(|seen| seen.how));
        assert_eq!(observer.poll_timeout(), None);
        uses
    }

    fn report(phase: Phase, service: &str, caller: u32, pid: u32) -> Report {
        Report {
            phase,
            pid,
            caller,
            account: "lapadmin".parse().unwrap(),
            service: service.to_owned(),
            terminal: String::new(),
            remote_host: String::new(),
        }
    }

    /// What is done, what is heard of it, and what that means.
    type Row = (&'static str, &'static [(Phase, &'static str, u32)], &'static [Use]);

    /// What each program does, as it was seen on Debian 12 and 13.
    #[test]
    fn every_way_to_use_an_account_is_told_from_the_others() {
        use Phase::{
            Admitted, AdmittedOtherwise, Authenticating, ChangeRefused, Refused, SessionClosed, SessionOpened,
        };
        let table: [Row; 17] = [
            (
                "ssh, password right",
                &[
                    (Authenticating, "sshd", 0),
                    (Admitted, "sshd", 0),
                    (SessionOpened, "sshd", 0),
                    (SessionClosed, "sshd", 0),
                ],
                &[Use::Authenticated],
            ),
            ("ssh, password wrong", &[(Authenticating, "sshd", 0), (Refused, "sshd", 0)], &[Use::Failed]),
            (
                "ssh, wrong twice, then right",
                &[
                    (Authenticating, "sshd", 0),
                    (Authenticating, "sshd", 0),
                    (Authenticating, "sshd", 0),
                    (Admitted, "sshd", 0),
                ],
                &[Use::Failed, Use::Failed, Use::Authenticated],
            ),
            (
                "ssh, keyboard-interactive wrong: its child ends",
                &[(Authenticating, "sshd", 0)],
                &[Use::Failed],
            ),
            ("ssh, key", &[(AdmittedOtherwise, "sshd", 0), (SessionOpened, "sshd", 0)], &[Use::Otherwise]),
            (
                "su by another, right",
                &[(Authenticating, "su", 1002), (Admitted, "su", 1002), (SessionOpened, "su", 1002)],
                &[Use::Authenticated],
            ),
            ("su by another, wrong", &[(Authenticating, "su", 1002), (Refused, "su", 1002)], &[Use::Failed]),
            ("su by root", &[(AdmittedOtherwise, "su", 0), (SessionOpened, "su", 0)], &[Use::Impersonated]),
            ("a desktop logs on by itself", &[(AdmittedOtherwise, "gdm-autologin", 0)], &[Use::Impersonated]),
            (
                "a unit with a service of PAM's",
                &[(AdmittedOtherwise, "job", 0), (SessionOpened, "job", 0)],
                &[Use::Impersonated],
            ),
            ("su by whom its rules trust", &[(AdmittedOtherwise, "su", 1002)], &[Use::Otherwise]),
            (
                "sudo by the account",
                &[(Authenticating, "sudo", 1001), (Admitted, "sudo", 1001)],
                &[Use::Authenticated],
            ),
            (
                "pkexec by the account",
                &[(Authenticating, "polkit-1", 0), (Admitted, "polkit-1", 0)],
                &[Use::Authenticated],
            ),
            (
                "its services begin",
                &[(AdmittedOtherwise, "systemd-user", 0), (SessionOpened, "systemd-user", 0)],
                &[],
            ),
            ("its job runs", &[(AdmittedOtherwise, "cron", 0)], &[]),
            ("passwd", &[(ChangeRefused, "passwd", 1001), (Refused, "passwd", 1001)], &[Use::ChangeRefused]),
            (
                "admitted, then out of luck",
                &[(Authenticating, "su", 1), (Admitted, "su", 1), (Refused, "su", 1)],
                &[Use::Authenticated],
            ),
        ];
        for (what, reports, uses) in table {
            assert_eq!(seen(reports), uses, "{what}");
        }
    }

    #[test]
    fn no_more_questions_are_kept_than_fit() {
        let mut observer = Observer::default();
        let ask = |observer: &mut Observer, pid: u32| {
            let at = BootTime(Duration::from_millis(pid.into()));
            observer.observe(at, report(Phase::Authenticating, "sshd", 0, pid)).len()
        };
        let most = u32::try_from(PENDING_MAX).unwrap();
        assert!((0..most).all(|pid| ask(&mut observer, pid) == 0));
        assert_eq!(ask(&mut observer, most), 1);
        assert_eq!(observer.poll_timeout(), Some(BootTime(FAILURE_AFTER + Duration::from_millis(1))));
    }
}
