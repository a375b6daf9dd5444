//! What is done at each question that a program asks PAM.

use std::path::Path;

use lapwing_core::{
    log_on::{OWN_SERVICE, Phase, Report, SOCKET_PATH, printable},
    types::AccountName,
};

use crate::{
    accounts, notify,
    sys::{self, Item, Transaction},
};

/// What an entry answers.
pub(crate) enum Answer {
    /// As if the module were not there.
    Ignore,
    /// No.
    Denied,
}

pub(crate) fn authenticating(transaction: &Transaction) -> Answer {
    // The name may be asked for only later; that it was PAM which was asked is known then all the same.
    transaction.mark();
    tell(transaction, Phase::Authenticating)
}

pub(crate) fn admitted(transaction: &Transaction) -> Answer {
    tell(transaction, if transaction.is_marked() { Phase::Admitted } else { Phase::AdmittedOtherwise })
}

pub(crate) fn session_opened(transaction: &Transaction) -> Answer {
    tell(transaction, Phase::SessionOpened)
}

pub(crate) fn session_closed(transaction: &Transaction) -> Answer {
    tell(transaction, Phase::SessionClosed)
}

/// The program is done, and its last answer was a refusal.
pub(crate) fn refused(transaction: &Transaction) -> Answer {
    tell(transaction, Phase::Refused)
}

/// Refuses another password for the managed account, before anybody is asked for one.
pub(crate) fn changing(transaction: &Transaction) -> Answer {
    let Some(account) = account(transaction).filter(|_| transaction.is_preliminary()) else {
        return Answer::Ignore;
    };
    let is_own = transaction.item(Item::Service).as_deref() == Some(OWN_SERVICE) && sys::uids() == (0, 0);
    if is_own || !accounts::are_protected() {
        return Answer::Ignore;
    }
    transaction.say(&format!(
        "The password of {account} is managed by Lapwing and cannot be changed here: nobody would know it.\n\
         To have it changed: lapwing reset-password"
    ));
    report(transaction, Phase::ChangeRefused, account);
    Answer::Denied
}

fn tell(transaction: &Transaction, phase: Phase) -> Answer {
    if let Some(account) = account(transaction) {
        report(transaction, phase, account);
    }
    Answer::Ignore
}

fn account(transaction: &Transaction) -> Option<AccountName> {
    accounts::managed(&transaction.item(Item::User)?)
}

fn report(transaction: &Transaction, phase: Phase, account: AccountName) {
    // They come from the program, or from who speaks with it, and go into the journal too.
    let text = |item| printable(&transaction.item(item).unwrap_or_default());
    let (caller, _) = sys::uids();
    let report = Report {
        phase,
        // Of the program that asks: its questions belong together by that.
        pid: std::process::id(),
        caller,
        account,
        service: text(Item::Service),
        terminal: text(Item::Terminal),
        remote_host: text(Item::RemoteHost),
    };
    if let Err(error) = notify::send(Path::new(SOCKET_PATH), &report) {
        let Report { account, service, .. } = &report;
        let lost = format!("lapwingd was not told of {phase:?} of {account} by {service}: {error}");
        // So that the journal keeps it; where that cannot be told either, nobody can.
        drop(notify::warn(Path::new(notify::LOG_PATH), &lost));
    }
}
