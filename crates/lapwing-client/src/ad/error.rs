//! What can go wrong between a question to a domain controller and its answer.

use core::time::Duration;
use std::io;

use lapwing_proto::ad::refusal::AdRefusal;

use super::kerberos::{GssFault, KerberosError};

/// How much is kept of what a controller says to its refusal, in characters.
const DIAGNOSTIC_LEN_MAX: usize = 512;

/// What was under way when a deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Opening the connection.
    Connecting,
    /// Agreeing on TLS.
    Securing,
    /// Proving who both are.
    Binding,
    /// A question or an order.
    Answering,
}

/// Why a controller did not do what it was asked, or nobody knows whether it did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdError {
    /// Nobody accepts connections there, or there is no way to it.
    #[error("{peer} cannot be reached")]
    Unreachable {
        /// The controller.
        peer: String,
        /// What the system said.
        source: io::Error,
    },
    /// A deadline passed.
    #[error("{peer} did not answer within {limit:?}")]
    TimedOut {
        /// The controller.
        peer: String,
        /// What was under way.
        stage: Stage,
        /// The deadline.
        limit: Duration,
    },
    /// No ticket, or no trust.
    #[error("this host and {peer} cannot prove to each other who they are")]
    Kerberos {
        /// The controller.
        peer: String,
        /// Why not.
        source: KerberosError,
    },
    /// A certificate that is not trusted, or TLS that failed otherwise.
    #[error("no trusted TLS connection to {peer} could be agreed")]
    Tls {
        /// The controller.
        peer: String,
        /// Why not.
        source: io::Error,
    },
    /// The controller offers no protection that we accept.
    #[error("{peer} offers no encryption")]
    NoProtection {
        /// The controller.
        peer: String,
    },
    /// The protection does not hold what it should: somebody changed bytes on their way.
    #[error("the protection of the connection to {peer} is broken")]
    Broken {
        /// The controller.
        peer: String,
        /// What the library said.
        source: GssFault,
    },
    /// The connection ended.
    #[error("the connection to {peer} ended before there was an answer")]
    Closed {
        /// The controller.
        peer: String,
        /// How.
        source: io::Error,
    },
    /// The controller itself said no; nothing was changed.
    #[error("{peer} refused{}", words(diagnostic, *code))]
    Refused {
        /// The controller.
        peer: String,
        /// Which kind of refusal.
        refusal: AdRefusal,
        /// LDAP's result code.
        code: u32,
        /// The controller's own words.
        diagnostic: String,
    },
    /// The answer makes no sense.
    #[error("{what} from {peer} makes no sense")]
    Malformed {
        /// The controller.
        peer: String,
        /// What was being read.
        what: &'static str,
    },
    /// What was to be asked cannot be written as LDAP.
    #[error("the question to {peer} cannot be written as LDAP")]
    Unwritable {
        /// The controller.
        peer: String,
    },
}

fn words(diagnostic: &str, code: u32) -> String {
    if diagnostic.is_empty() {
        format!(" (LDAP result {code})")
    } else {
        format!(" (LDAP result {code}): {diagnostic}")
    }
}

impl AdError {
    /// The refusal of this code. The controller's words are kept as one line for people: Windows' end with a zero byte.
    pub(super) fn refused(peer: &str, code: u32, diagnostic: &str) -> Self {
        let refusal = AdRefusal::from_result_code(code).unwrap_or(AdRefusal::Other(code));
        let plain = diagnostic.chars().map(|c| if c.is_control() { ' ' } else { c });
        let diagnostic: String = plain.take(DIAGNOSTIC_LEN_MAX).collect();
        Self::Refused { peer: peer.to_owned(), refusal, code, diagnostic: diagnostic.trim().to_owned() }
    }

    /// Whether the controller itself refused, so that nothing has changed.
    #[must_use]
    pub const fn refusal(&self) -> Option<AdRefusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        }
    }

    /// Whether the controller cannot have seen a modification: the connection never came to stand.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        !matches!(
            self,
            Self::TimedOut { stage: Stage::Answering, .. }
                | Self::Closed { .. }
                | Self::Broken { .. }
                | Self::Malformed { .. }
        )
    }

    /// Whether another controller may do better: this one is away, or not as it should be. A refusal, a wrong key or a wrong
    /// clock is the same everywhere.
    #[must_use]
    pub const fn is_about_controller(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Tls { .. }
            | Self::NoProtection { .. }
            | Self::Broken { .. }
            | Self::Closed { .. }
            | Self::Malformed { .. } => true,
            Self::Kerberos { source, .. } => source.is_about_controller(),
            Self::Refused { refusal, .. } => matches!(refusal, AdRefusal::Busy | AdRefusal::ReadOnly),
            Self::Unwritable { .. } => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Closed { .. } => {
                "check that the controller runs and that no firewall stands between: ports 88, 389 and 636"
            }
            Self::Kerberos { source, .. } => source.next_step(),
            Self::Tls { .. } => {
                "add the authority that issued the controller's certificate to this host's trust store"
            }
            Self::NoProtection { .. } => "allow signing and sealing on the controller, or use LDAPS",
            Self::Broken { .. } => "find out what stands between this host and the controller",
            Self::Refused { refusal, .. } => refusal.next_step(),
            Self::Malformed { .. } => "check that the controller is one of Active Directory's",
            Self::Unwritable { .. } => "check the names that were given",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_controller_are_one_line_that_steers_no_terminal() {
        let windows = "00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0";
        let error = AdError::refused("dc1.example.com", 50, windows);
        assert_eq!(error.refusal(), Some(AdRefusal::NoRight));
        assert_eq!(
            error.to_string(),
            "dc1.example.com refused (LDAP result 50): 00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"
        );
        assert_eq!(
            AdError::refused("dc1", 1, "a\u{1b}[2J").to_string(),
            "dc1 refused (LDAP result 1): a [2J"
        );
        assert_eq!(AdError::refused("dc1", 1, "\n").to_string(), "dc1 refused (LDAP result 1)");
        let long = AdError::refused("dc1", 1, &"ä".repeat(DIAGNOSTIC_LEN_MAX + 1)).to_string();
        assert_eq!(long.matches('ä').count(), DIAGNOSTIC_LEN_MAX);
    }
}
