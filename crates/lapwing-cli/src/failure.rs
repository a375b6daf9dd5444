//! What went wrong, why, what to do, and the exit code that says which kind it was.

use std::{borrow::Cow, error::Error, process::ExitCode};

use lapwing_client::{CallError, Refusal, cloud::EnrolError, graph::ProfileError, identity::IdentityError};

/// The exit codes. docs/cli.md, "Exit codes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Anything that no other code says.
    Failed,
    /// The command was called in a way that cannot mean anything.
    Usage,
    /// The caller may not, or the answer was no.
    Refused,
    /// There is no such thing, or this host is not enrolled.
    NotFound,
    /// The agent or the directory cannot be reached.
    Unreachable,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Failed => Self::from(1),
            Code::Usage => Self::from(2),
            Code::Refused => Self::from(3),
            Code::NotFound => Self::from(4),
            Code::Unreachable => Self::from(5),
        }
    }
}

/// The end of a command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    error: Box<dyn Error + Send + Sync>,
    next_step: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(
        code: Code,
        error: impl Into<Box<dyn Error + Send + Sync>>,
        next_step: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, error: error.into(), next_step: next_step.into() }
    }

    /// What, why and what next, for people.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("lapwing: {}", self.error);
        let mut source = self.error.source();
        while let Some(why) = source {
            text.push_str(&format!("\n  why: {why}"));
            source = why.source();
        }
        if !self.next_step.is_empty() {
            text.push_str(&format!("\n  next: {}", self.next_step));
        }
        text
    }
}

const fn of_refusal(refusal: &Refusal) -> Code {
    match refusal.status {
        401 | 403 => Code::Refused,
        404 => Code::NotFound,
        _ => Code::Failed,
    }
}

fn of_call(error: &CallError) -> Code {
    match error {
        CallError::Transport(_) => Code::Unreachable,
        CallError::Refused(refusal) => of_refusal(refusal),
        _ => Code::Failed,
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let next_step = error.next_step();
        Self::new(of_call(&error), error, next_step)
    }
}

impl From<EnrolError> for Failure {
    fn from(error: EnrolError) -> Self {
        let code = match &error {
            EnrolError::Call(call) => of_call(call),
            _ => Code::Failed,
        };
        let next_step = error.next_step();
        Self::new(code, error, next_step)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        let code = match &error {
            IdentityError::NotEnrolled { .. } => Code::NotFound,
            _ => Code::Failed,
        };
        let next_step = error.next_step();
        Self::new(code, error, next_step)
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        let next_step = error.next_step();
        Self::new(Code::Failed, error, next_step)
    }
}

#[cfg(test)]
mod tests {
    use lapwing_client::transport::TransportError;

    use super::*;

    #[test]
    fn a_report_says_what_why_and_what_next() {
        let source = std::io::Error::other("no route to host");
        let error = TransportError::Unreachable { peer: "laps.example:8443".to_owned(), source };
        let failure = Failure::from(EnrolError::Call(error.into()));
        assert_eq!(failure.code, Code::Unreachable);
        insta::assert_snapshot!(failure.report());
    }
}
