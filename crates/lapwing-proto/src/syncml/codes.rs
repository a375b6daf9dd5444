//! Numbers that say how a command ended, and what an alert is about.

use core::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$code_doc:meta])* $code:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub u16);

        impl $name {
            $($(#[$code_doc])* pub const $code: Self = Self($value);)+
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

codes!(
    /// How a command ended. OMA-TS-SyncML_RepPro-V1_2 section 10; [MS-MDM] 2.2.4.
    StatusCode {
        /// Done.
        OK = 200,
        /// Accepted; the work goes on after the session.
        ACCEPTED = 202,
        /// Credentials accepted for the whole session.
        AUTHENTICATED = 212,
        /// A chunk of a large object is accepted.
        CHUNK_ACCEPTED = 213,
        /// Not executed, because of a sibling in the Atomic.
        NOT_EXECUTED = 215,
        /// Rolled back, because of a sibling in the Atomic.
        ROLLED_BACK = 216,
        /// Malformed.
        BAD_REQUEST = 400,
        /// The credentials are wrong.
        INVALID_CREDENTIALS = 401,
        /// Forbidden.
        FORBIDDEN = 403,
        /// No such node.
        NOT_FOUND = 404,
        /// The node does not take this command.
        NOT_ALLOWED = 405,
        /// A command of the standard that is not supported here.
        UNSUPPORTED = 406,
        /// The credentials are missing.
        MISSING_CREDENTIALS = 407,
        /// The first chunk of a large object lacks its size.
        SIZE_REQUIRED = 411,
        /// A part of the command is missing.
        INCOMPLETE = 412,
        /// Too large.
        TOO_LARGE = 413,
        /// The address is too long.
        URI_TOO_LONG = 414,
        /// Not the format or type of the node.
        UNSUPPORTED_FORMAT = 415,
        /// Add of a node that is there.
        ALREADY_EXISTS = 418,
        /// A large object is not as long as its first chunk said.
        SIZE_MISMATCH = 424,
        /// The command failed.
        FAILED = 500,
        /// An Atomic failed, and has changed nothing.
        ATOMIC_FAILED = 507,
        /// An Atomic failed, and has left something changed.
        ROLL_BACK_FAILED = 516,
    }
);

codes!(
    /// What an alert is about. OMA-TS-DM_RepPro-V1_2 section 6; [MS-MDM] 2.2.5.
    AlertCode {
        /// The session was started because the server asked for it.
        SERVER_INITIATED = 1200,
        /// The session was started by the device itself.
        CLIENT_INITIATED = 1201,
        /// The next message of the package, please.
        NEXT_MESSAGE = 1222,
        /// The session is over.
        SESSION_ABORT = 1223,
        /// Something that the device tells of itself.
        CLIENT_EVENT = 1224,
        /// The end of a large object did not come.
        NO_END_OF_DATA = 1225,
        /// A generic alert; the type of its item says more.
        GENERIC = 1226,
    }
);

impl StatusCode {
    /// Whether the command was carried out, or will be.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299) && !matches!(self, Self::NOT_EXECUTED | Self::ROLLED_BACK)
    }
}
