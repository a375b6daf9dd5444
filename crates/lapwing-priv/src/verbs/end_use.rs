//! Ends the use of an account whose password has been changed, or cannot be changed yet: the sessions and processes of a listed
//! account, and of no other.

use lapwing_core::{
    local::root_half::{EndStep, EndUse, Fault, UseEnded},
    root_half::{Host as _, ProtocolError},
    types::{AccountName, Uid},
};

use super::{VerbError, Work, parse};
use crate::{
    account::{self, automatic},
    closed::{self, Closed},
    failpoint,
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
        EndStep::Close => "EndUse.Close",
        EndStep::Open => "EndUse.Open",
    }
}

impl Work {
    pub(super) fn end_use(&mut self, request: &EndUse) -> Result<UseEnded, VerbError> {
        let none = UseEnded::default();
        Ok(match request.step {
            EndStep::Close => {
                let (managed, name, uid) = self.listed(request)?;
                managed.check_may_close(self.root())?;
                self.close_account(&name, uid)?;
                none
            }
            EndStep::Warn => {
                let (_, uid) = self.used(request)?;
                let is_closed = self.half.host.closed()?.is_some_and(|closed| closed.uid == uid);
                UseEnded { sessions: sessions::warn(uid, is_closed)?, ..none }
            }
            EndStep::LogOff => UseEnded { sessions: sessions::log_off(self.used(request)?.1)?, ..none },
            EndStep::EndProcesses => {
                UseEnded { processes: sessions::end_processes(self.used(request)?.1)?, ..none }
            }
            EndStep::Reboot => {
                let ((managed, _), now) = (self.used(request)?, self.now());
                self.half.count_reboot(now, managed.reboots_per_day)?;
                sessions::reboot(now)?;
                none
            }
            // Whatever root's file lists by now: what is undone is in root's own record.
            EndStep::Open => {
                self.check_boot()?;
                self.open_account()?;
                none
            }
        })
    }

    /// The account that is asked about, which root's file has to list.
    fn listed(&self, request: &EndUse) -> Result<(Managed, AccountName, Uid), VerbError> {
        let (name, uid): (AccountName, _) = (parse(&request.account)?, Uid(request.uid));
        let managed = Managed::read(self.root())?;
        self.half.host.check_account(&managed, &name, uid)?;
        account::find_same(self.root(), &name, uid)?;
        Ok((managed, name, uid))
    }

    /// The same of this very host, whose sessions and processes it is about.
    fn used(&self, request: &EndUse) -> Result<(Managed, Uid), VerbError> {
        let (managed, _, uid) = self.listed(request)?;
        if self.root().is_host() { Ok((managed, uid)) } else { Err(SessionsError::PrivateRoot.into()) }
    }

    /// Lets nobody log on with the account of the password in force until that is another one. May be repeated.
    fn close_account(&mut self, name: &AccountName, uid: Uid) -> Result<(), VerbError> {
        self.check_boot()?;
        self.half.check_origin()?;
        self.half.journal.check_nothing_recorded()?;
        if uid == Uid(0) {
            return Err(VerbError::Malformed(
                "uid 0 stays open: without it nobody can help this host".into(),
            ));
        }
        let current = self.half.journal.current.as_ref().filter(|current| current.uid == uid);
        let version = current.ok_or(ProtocolError::UnknownVersion)?.version;
        account::check_replaceable(self.root())?;
        // One account at a time, so that none is ever closed without a record.
        if self.half.host.closed.as_ref().is_some_and(|closed| closed.uid != uid) {
            self.open_account()?;
        }
        let root = self.root().clone();
        if let Some(owned) = self.half.host.owned(uid).cloned() {
            let (account, expiry) = (owned.name.clone(), String::new());
            self.keep_closed(Closed { account, uid, version, expiry })?;
            let standing = self.half.host.standing(&owned);
            automatic::ensure(&root, &self.wanted(&standing, None))?;
            return Ok(());
        }
        if self.half.host.closed()?.is_some_and(|closed| closed.uid == uid) {
            return Ok(());
        }
        let account = name.clone();
        account::close(&root, name, uid, |expiry| {
            self.keep_closed(Closed { account, uid, version, expiry: expiry.to_owned() })
        })
    }

    /// Opens whatever account was closed. May be repeated.
    pub(super) fn open_account(&mut self) -> Result<(), VerbError> {
        let Some(closed) = self.half.host.closed.clone() else { return Ok(()) };
        let opened = match self.half.host.owned(closed.uid) {
            Some(owned) => automatic::ensure(self.root(), &self.wanted(owned, None)).map(drop),
            None => account::open(self.root(), &closed.account, closed.uid, &closed.expiry),
        };
        match opened {
            // There is nothing to open any more.
            Err(error) if matches!(error.fault(), Fault::AccountMissing | Fault::AccountNotOurs) => {}
            opened => opened?,
        }
        self.half.host.forget_closed(closed.uid)
    }

    fn keep_closed(&mut self, closed: Closed) -> Result<(), VerbError> {
        closed::save(self.root(), &closed)?;
        failpoint::hit("close.after_record");
        self.half.host.closed = Some(closed);
        Ok(())
    }
}
