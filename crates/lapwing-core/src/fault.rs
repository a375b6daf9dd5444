//! Why the root half refuses a verb.

/// Why the root half refused.
// Serialised although a domain type: a closed set of names that both halves share needs no second spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", serde(rename_all = "snake_case"))]
pub enum Fault {
    /// Root's file does not list the account.
    AccountNotListed,
    /// Root's file does not list the directory or the record.
    DirectoryNotListed,
    /// Root's file cannot be read, is damaged, or others may write it.
    ManagedFile,
    /// The account does not exist in the local files.
    AccountMissing,
    /// The account is not one that its file alone decides about, or two names share its uid.
    AccountUnsuitable,
    /// An account that Lapwing did not make has the name or uid of the one that it is to make.
    AccountNotOurs,
    /// The budget of changes in root's file is spent.
    BudgetSpent,
    /// The account's file or its lock stayed locked by somebody else.
    FileLocked,
    /// The account's file or the journal cannot be replaced: read-only, immutable or denied.
    NotWritable,
    /// No room on disk.
    NoSpace,
    /// The account's own ageing or expiry ends before the password would.
    AgeingTooShort,
    /// The host's password rules accept no candidate.
    NoAcceptablePassword,
    /// The host's own libcrypt does not accept the hash.
    HashRefused,
    /// The request belongs to an earlier run of `lapwingd`.
    StaleRun,
    /// The journal does not know this version as the verb needs it.
    UnknownVersion,
    /// A recorded change must be committed first.
    CommitPending,
    /// The pinned receipt key demands a receipt and there is none, or it is not valid.
    ReceiptInvalid,
    /// The journal is damaged.
    JournalDamaged,
    /// The field stands as it should: there is nothing to reinstate.
    NoDrift,
    /// The group key is of no use: nothing can be encrypted with it.
    GroupKey,
    /// The machine's keytab is not there or is of no use.
    Keytab,
    /// The account's sessions cannot be told or ended.
    Sessions,
    /// This host may be a copy of the one that the journal was written on.
    PossibleClone,
    /// This system was not booted in the normal way.
    NotNormalBoot,
    /// The request is malformed.
    Malformed,
    /// The caller may not ask.
    NotAuthorized,
    /// Anything else: the message says what.
    Internal,
}
