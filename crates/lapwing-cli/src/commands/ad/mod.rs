//! The commands for Active Directory, one file each, and what they share: whom they ask and as whom ([`DomainArgs`]), the
//! controller that answers ([`Session`]), and how its refusals are told.

mod computer;
pub(crate) mod get_ad_password;
mod session;
pub(crate) mod set_ad_password_expiration_time;
pub(crate) mod update_ad_schema;

use std::borrow::Cow;

use lapwing_client::ad::{AdError, ConnectError, KerberosError};
use lapwing_proto::ad::refusal::AdRefusal;

pub(crate) use self::session::{DomainArgs, Session};
use crate::{
    failure::{Code, Failure},
    output, terminal,
};

impl From<AdError> for Failure {
    fn from(error: AdError) -> Self {
        let code = code_of(&error);
        let next_step = match error.refusal() {
            Some(refusal) => next_step_of(refusal),
            None => error.next_step(),
        };
        Self::new(code, error, next_step)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let next_step = match error.refused().and_then(AdError::refusal) {
            Some(refusal) => next_step_of(refusal),
            None => error.next_step(),
        };
        let code = error.refused().map_or(Code::Unreachable, code_of);
        Self::new(code, error, next_step)
    }
}

impl From<KerberosError> for Failure {
    fn from(error: KerberosError) -> Self {
        let next_step = error.next_step();
        Self::new(code_of_kerberos(&error), error, next_step)
    }
}

/// A failure whose next step, where the directory says no to the right itself, is that of the command.
fn refused(error: AdError, next_step: impl Into<Cow<'static, str>>) -> Failure {
    match error.refusal() {
        Some(AdRefusal::NoRight) => Failure::new(Code::Refused, error, next_step),
        _ => error.into(),
    }
}

fn code_of(error: &AdError) -> Code {
    match error {
        AdError::Kerberos { source, .. } => code_of_kerberos(source),
        AdError::Refused { refusal, .. } => match refusal {
            AdRefusal::NoRight | AdRefusal::InvalidCredentials => Code::Refused,
            AdRefusal::NoSuchObject => Code::NotFound,
            AdRefusal::Busy => Code::Unreachable,
            _ => Code::Failed,
        },
        AdError::Unreachable { .. }
        | AdError::TimedOut { .. }
        | AdError::Closed { .. }
        | AdError::Tls { .. } => Code::Unreachable,
        _ => Code::Failed,
    }
}

const fn code_of_kerberos(error: &KerberosError) -> Code {
    match error {
        KerberosError::Unreachable(_) | KerberosError::TimedOut(_) => Code::Unreachable,
        KerberosError::Other(_) => Code::Failed,
        _ => Code::Refused,
    }
}

/// What an administrator does about a refusal; those of [`AdRefusal::next_step`] are for a device.
const fn next_step_of(refusal: AdRefusal) -> &'static str {
    match refusal {
        AdRefusal::InvalidCredentials => "check the account and its password",
        AdRefusal::NoRight => "use an account that may, by another ticket or --user",
        AdRefusal::ReadOnly => {
            "if that belongs to another domain, name it with --domain; if the controller is a read-only one, name another with --server"
        }
        AdRefusal::NoSuchObject => "check the name",
        AdRefusal::Overtaken | AdRefusal::Busy => "run the command again",
        AdRefusal::NotProtected
        | AdRefusal::NotInSchema
        | AdRefusal::NotOnComputer
        | AdRefusal::BadValue
        | AdRefusal::Unwilling
        | AdRefusal::Other(_) => refusal.next_step(),
    }
}

/// How a change is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Caution {
    /// Only tell what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Make the change without a question
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

impl Caution {
    /// Asks whether to make the change that was just shown; false if showing it was all.
    pub(crate) fn is_agreed(&self, question: &str) -> Result<bool, Failure> {
        if self.yes || self.dry_run {
            return Ok(self.yes);
        }
        let answer = terminal::confirm(&output::shown(question))
            .map_err(|error| Failure::new(Code::Failed, error, "add --yes to make it without a question"))?;
        match answer {
            Some(true) => Ok(true),
            Some(false) => Err(Failure::new(Code::Refused, "nothing was changed", "")),
            None => Err(Failure::new(
                Code::Usage,
                "nothing is changed without a yes, and nobody is there to ask",
                "see what would be changed with --dry-run, then add --yes",
            )),
        }
    }
}
