//! `org.lapwing.Priv`: the verbs of the root half.
//!
//! One request per connection; only the user `lapwing` and root are answered. Every verb but [`Request::Begin`]
//! carries the run that `lapwingd` began with, and one of an earlier run is refused: a verb that was delayed while its
//! caller died cannot act later. Every verb may be repeated.
//!
//! INVARIANT: no verb carries a password, a hash or a path towards the root half; it chooses those itself.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

pub use crate::automatic::Attribute;
pub use crate::fault::Fault;
pub use crate::hindrance::Hindrance;
pub use crate::sessions::{EndStep, EndedProcess, EndedSession, UseEnded};

/// Where `lapwingd-priv` is listened for.
pub const SOCKET_PATH: &str = "/run/lapwing/priv.sock";

/// A call. Serialised as Varlink's `{"method": …, "parameters": {…}}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "method", content = "parameters", deny_unknown_fields)]
pub enum Request {
    /// Begins a run of `lapwingd`: from now on verbs of earlier runs are refused. Answered by [`Journal`].
    #[serde(rename = "org.lapwing.Priv.Begin")]
    Begin(InRun),
    /// Reads the journal and compares the account with it. Answered by [`Journal`].
    #[serde(rename = "org.lapwing.Priv.State")]
    State(InRun),
    /// Checks that a change can succeed, draws a password and adds a candidate. Answered by [`Prepared`].
    #[serde(rename = "org.lapwing.Priv.Prepare")]
    Prepare(Prepare),
    /// Hands out a candidate's ciphertext again. Answered by [`Prepared`]; refused for a candidate without one.
    #[serde(rename = "org.lapwing.Priv.Ciphertext")]
    Ciphertext(OfVersion),
    /// Counts a send in the journal before it is made, to a directory that neither compares nor tells, such as Entra
    /// ID, or that has several replicas. Answered by [`Counted`].
    #[serde(rename = "org.lapwing.Priv.CountSend")]
    CountSend(CountSend),
    /// Takes the last counted send back: the directory itself has answered, with a refusal. Answered by [`Counted`].
    #[serde(rename = "org.lapwing.Priv.Answered")]
    Answered(OfVersion),
    /// Records that the directory holds this version, then puts its hash into the account. Answered by [`Committed`].
    #[serde(rename = "org.lapwing.Priv.Commit")]
    Commit(Commit),
    /// Puts the hash of `current` back after drift, once the directory has confirmed it. Answered by [`Committed`].
    #[serde(rename = "org.lapwing.Priv.Reinstate")]
    Reinstate(OfVersion),
    /// Hands over the machine's keytab, where root's file lists an Active Directory domain. Answered by [`Keytab`], whose
    /// bytes are in a sealed file in memory; its descriptor comes with the answer (`SCM_RIGHTS`, unix(7)).
    #[serde(rename = "org.lapwing.Priv.Keytab")]
    Keytab(InRun),
    /// Ends the use of a listed account: one step of it. Answered by [`UseEnded`].
    #[serde(rename = "org.lapwing.Priv.EndUse")]
    EndUse(EndUse),
    /// Makes the account that Lapwing owns whole, or puts right what of it is not as it must be. Answered by [`Ensured`];
    /// refused for a name that root's file does not let Lapwing give, or that somebody else has.
    #[serde(rename = "org.lapwing.Priv.EnsureAccount")]
    EnsureAccount(EnsureAccount),
    /// Ends the sessions of the account that Lapwing created, and deletes it. Answered by [`Dropped`].
    #[serde(rename = "org.lapwing.Priv.DropAccount")]
    DropAccount(InRun),
}

/// What an account that Lapwing owns is to be like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsureAccount {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// Its name, or what its name begins with; at most 20 characters, or 14.
    pub name_or_prefix: String,
    /// Whether six digits follow that are drawn anew with each password.
    pub random_suffix: bool,
    /// Whether one can log on with it.
    pub enabled: bool,
}

/// The account is as it must be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensured {
    /// Its name, which the next password may come with another of.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// Whether it was made for the first time, or for the first time since it was deleted.
    pub is_new: bool,
    /// Whether it was enabled before and is disabled now, or the other way round.
    pub switched: bool,
    /// What somebody else had changed, and is as it must be again.
    pub repaired: Vec<Attribute>,
}

/// The account is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// What it was; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<FormerAccount>,
}

/// An account that is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerAccount {
    /// Its name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
}

/// Whose use to end, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndUse {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// The account's name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// What to do.
    pub step: EndStep,
}

/// The run of `lapwingd` that asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InRun {
    /// A GUID drawn at the start of `lapwingd`.
    pub run: String,
}

/// A verb about one version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfVersion {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// The password version.
    pub version: String,
}

/// A send to count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountSend {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// The password version.
    pub version: String,
    /// The replica it is sent to, where the directory has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What to prepare.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// The account's name; without one the built-in administrator, uid 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The directory that the password will be stored in, as `DirectoryId` prints it. Root's file must list it, and
    /// decides whether the password is sealed.
    pub directory: String,
    /// This host's record there.
    pub record: String,
    /// When the password will expire.
    pub expiry: String,
    /// How to generate it.
    pub rules: Rules,
    /// Whom to encrypt it to, for Active Directory; in clear text without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypt: Option<Encrypt>,
}

/// Whom a password is encrypted to, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypt {
    /// The SID of the one user or group that may decrypt it.
    pub to: String,
    /// The group key envelope that the domain gave for it, Base64. [MS-GKDI] 2.2.4. Not a secret, unless this host is itself
    /// among those who may decrypt.
    pub group_key: SecretText,
}

/// A text that may be a secret: wiped after use, and not printed.
#[derive(Clone)]
pub struct SecretText(pub Zeroizing<String>);

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl core::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}

/// The generation settings of the policy, under their Windows names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Rules {
    /// 1 to 8.
    pub password_complexity: u8,
    /// 8 to 64 characters; used for complexity 1 to 5.
    pub password_length: u8,
    /// 3 to 10 words; used for complexity 6 to 8.
    pub passphrase_length: u8,
    /// The name of the host's own word list, in place of the one that the complexity stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_word_list: Option<String>,
}

/// What to commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The run of `lapwingd` that asks.
    pub run: String,
    /// The version that the directory has acknowledged.
    pub version: String,
    /// The directory's signed receipt, Base64; required where root's file pins a receipt key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The replica that acknowledged it, where the directory has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A prepared change, with what to store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// The version drawn with the password.
    pub version: String,
    /// The account it is for.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// When it will expire, as asked.
    pub expiry: String,
    /// What to store.
    pub material: Material,
    /// A warning of the host's password rules that every candidate drew alike, so that it was not obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What the directory is given to store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Material {
    /// The password sealed to the directory's pinned key (docs/protocol.md, "Seal"), or the whole value of
    /// `msLAPS-EncryptedPassword`; Base64.
    Sealed(String),
    /// The password itself, where the directory takes no ciphertext. Never logged.
    Clear(SecretText),
}

// Not derived: nobody needs to see a ciphertext.
impl core::fmt::Debug for Material {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Sealed(_) => "Sealed(..)",
            Self::Clear(_) => "Clear(redacted)",
        })
    }
}

impl core::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prepared")
            .field("version", &self.version)
            .field("account", &self.account)
            .field("material", &self.material)
            .finish_non_exhaustive()
    }
}

/// How many sends of the candidates have had no answer in a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The count after the verb.
    pub unanswered: u32,
}

/// The keytab whose descriptor comes along.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keytab {
    /// Its length in bytes; at most [`KEYTAB_LEN_MAX`].
    pub len: u32,
}

/// The longest keytab that is handed over, in bytes. A machine has a key for each of its names, ciphers and last few
/// passwords: some kilobytes.
pub const KEYTAB_LEN_MAX: u32 = 1 << 20;

/// A finished change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// The version now in force.
    pub version: String,
    /// The account that it opens.
    pub account: String,
    /// Its uid.
    pub uid: u32,
}

/// The journal without its hashes: the only truth of the commit protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The password in force, if Lapwing has ever set one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Entry>,
    /// Prepared and not committed, oldest first; at most eight.
    pub candidates: Vec<Entry>,
    /// The last versions that were in force before `current`, newest last; at most sixteen.
    pub replaced: Vec<String>,
    /// Sends in a row without an answer.
    pub unanswered: u32,
    /// What stands in the account's field, compared with the journal.
    pub field: Field,
    /// The account that Lapwing created, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnAccount>,
    /// Why nothing is changed in this boot, if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_normal: Option<Hindrance>,
    /// Why this host may be a copy of another, if it may: nothing is changed then either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possible_clone: Option<Hindrance>,
    /// The account that is closed until it has another password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedAccount>,
}

/// An account that nobody can log on with until it has another password.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedAccount {
    /// Its name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
}

/// The account that Lapwing created and owns whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnAccount {
    /// Its name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// Whether policy wanted it enabled when it was last put right.
    pub enabled: bool,
    /// What of it is not as it must be.
    pub wrong: Vec<Attribute>,
}

/// One password of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its version.
    pub version: String,
    /// The account it is for.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// The directory it was prepared for.
    pub directory: String,
    /// This host's record there.
    pub record: String,
    /// When it expires.
    pub expiry: String,
    /// When it was prepared.
    pub prepared: String,
    /// Whether the directory's acknowledgement is in the journal: then nothing but the commit is accepted.
    pub recorded: bool,
    /// Whether its ciphertext can be had again.
    pub sealed: bool,
    /// For whom that is, where it is for somebody in Active Directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_to: Option<EncryptedTo>,
    /// The replica that acknowledged it, where the directory has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
}

/// Whom a password in Active Directory is encrypted to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptedTo {
    /// The SID of the one user or group that may decrypt it.
    pub principal: String,
    /// The time that stands before the ciphertext.
    pub updated: String,
}

/// What stands in the account's field. A lock prefix (`!`) is left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Lapwing has not set a password yet, so there is nothing to compare with.
    Unmanaged,
    /// The hash of `current`.
    Current,
    /// The hash of `current` behind a lock prefix.
    Locked,
    /// The hash of a candidate: a commit was interrupted.
    Candidate,
    /// Neither: somebody else changed it.
    Drifted,
    /// Empty: anybody may log on at some prompts.
    Emptied,
    /// The account is gone, or has another uid.
    Missing,
}

/// An answer, as Varlink's `{"parameters": …}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply<T> {
    /// What the verb is answered by.
    pub parameters: T,
}

/// A refusal, as Varlink's `{"error": …, "parameters": {…}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum Refusal {
    /// The only error there is; `fault` tells the cases apart.
    #[serde(rename = "org.lapwing.Priv.Refused")]
    Refused {
        /// Which case.
        fault: Fault,
        /// What went wrong and why, for people.
        message: String,
        /// What to do about it.
        next_step: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_form_of_varlink() {
        let call = Request::Commit(Commit { run: "r".into(), version: "v".into(), receipt: None, by: None });
        let text = serde_json::to_string(&call).unwrap();
        assert_eq!(text, r#"{"method":"org.lapwing.Priv.Commit","parameters":{"run":"r","version":"v"}}"#);
        assert!(matches!(serde_json::from_str(&text), Ok(Request::Commit(_))));
    }

    #[test]
    fn a_refusal_has_the_form_of_varlink() {
        let refusal = Refusal::Refused { fault: Fault::NoSpace, message: "m".into(), next_step: "n".into() };
        assert_eq!(
            serde_json::to_string(&refusal).unwrap(),
            r#"{"error":"org.lapwing.Priv.Refused","parameters":{"fault":"no_space","message":"m","next_step":"n"}}"#
        );
    }

    #[test]
    fn a_debug_print_of_a_prepared_change_shows_no_password() {
        let prepared = Prepared {
            version: "v".into(),
            account: "a".into(),
            uid: 1,
            expiry: "e".into(),
            material: Material::Clear(SecretText(Zeroizing::new("hunter2".into()))),
            warning: None,
        };
        assert!(!format!("{prepared:?}").contains("hunter2"));
    }
}
