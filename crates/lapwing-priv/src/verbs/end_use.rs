//! Ends the use of an account whose password has been changed: the sessions and processes of a listed account, and of no other.

use lapwing_core::{
    local::root_half::{EndStep, EndUse, UseEnded},
    types::{AccountName, Uid},
};

use super::{VerbError, Work, parse};
use crate::{
    account,
    managed::Managed,
    sessions::{self, SessionsError},
};

/// The verb's name in the log.
pub(super) const fn verb_name(step: EndStep) -> &'static str {
    match step {
        EndStep::Warn => "EndUse.Warn",
        EndStep::LogOff => "EndUse.LogOff",
        EndStep::EndProcesses => "EndUse.EndProcesses",
        EndStep::Reboot => "EndUse.Reboot",
    }
}

impl Work {
    pub(super) fn end_use(&mut self, request: &EndUse) -> Result<UseEnded, VerbError> {
        let (name, uid): (AccountName, _) = (parse(&request.account)?, Uid(request.uid));
        let managed = Managed::read(self.root())?;
        self.half.host.check_account(&managed, &name, uid)?;
        account::find_same(self.root(), &name, uid)?;
        if !self.root().is_host() {
            return Err(SessionsError::PrivateRoot.into());
        }
        let none = UseEnded::default();
        Ok(match request.step {
            EndStep::Warn => UseEnded { sessions: sessions::warn(uid)?, ..none },
            EndStep::LogOff => UseEnded { sessions: sessions::log_off(uid)?, ..none },
            EndStep::EndProcesses => UseEnded { processes: sessions::end_processes(uid)?, ..none },
            EndStep::Reboot => {
                let now = self.now();
                self.half.count_reboot(now, managed.reboots_per_day)?;
                sessions::reboot(now)?;
                none
            }
        })
    }
}
