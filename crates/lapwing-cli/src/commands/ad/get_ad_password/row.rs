//! What is stored for a computer, and what is shown of it.

use core::cmp::Reverse;

use lapwing_client::ad::Entry;
use lapwing_core::{
    secret::{Password, SecretBytes},
    types::FileTime,
};
use lapwing_dpapi::{
    Blob,
    laps::{self, EncryptedPassword},
};
use lapwing_proto::ad::value::{ClearPassword, ValueError, parse_expiry, parse_legacy_password};
use serde::{Serialize, Serializer};

use super::{super::opener::Locked, Source};
use crate::{
    failure::{Code, Failure},
    output,
};

/// One stored password, with the member names of the cmdlet; what it leaves blank is null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    pub(super) computer_name: String,
    pub(super) distinguished_name: String,
    pub(super) account: Option<String>,
    #[serde(serialize_with = "in_clear")]
    pub(super) password: Option<Password>,
    pub(super) password_update_time: Option<String>,
    /// Of passwords in force only.
    pub(super) expiration_timestamp: Option<String>,
    pub(super) source: Source,
    pub(super) decryption_status: Status,
    /// Who may decrypt it; none if it is malformed.
    pub(super) authorized_decryptor: Option<String>,
    /// Why there is no password.
    #[serde(skip)]
    pub(super) trouble: Option<Failure>,
}

/// What decrypting came to. DEVIATION(9): the last two are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    NotApplicable,
    Success,
    Unauthorized,
    Error,
    Malformed,
}

/// Only for output that was asked for in clear.
fn in_clear<S: Serializer>(password: &Option<Password>, serializer: S) -> Result<S::Ok, S::Error> {
    password.as_ref().map(Password::expose_secret).serialize(serializer)
}

/// One stored value.
#[derive(Debug)]
pub(super) struct Stored {
    source: Source,
    updated: Option<FileTime>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Clear { account: Option<String>, password: Password },
    Encrypted(Box<Blob>),
    Malformed,
}

/// What became of one that is encrypted, and whom it is for.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) plain: Result<SecretBytes, Locked>,
    pub(super) decryptor: String,
}

impl Stored {
    /// Those in force first, then the older ones, the newest of them first.
    pub(super) fn all(entry: &Entry) -> Vec<Self> {
        let mut all = Vec::new();
        for source in Source::ALL {
            let mut found: Vec<_> =
                entry.values(source.attribute()).iter().map(|value| Self::read(source, value)).collect();
            // The directory keeps no order.
            found.sort_by_key(|stored| Reverse(stored.updated));
            all.append(&mut found);
        }
        all
    }

    fn read(source: Source, value: &SecretBytes) -> Self {
        let bytes = value.expose_secret();
        let malformed = |updated| Self { source, updated, content: Content::Malformed };
        match source {
            Source::CleartextPassword => clear(bytes).map_or_else(
                |_| malformed(None),
                |(updated, content)| Self { source, updated: Some(updated), content },
            ),
            Source::LegacyLapsCleartextPassword => parse_legacy_password(bytes).map_or_else(
                |_| malformed(None),
                |password| Self {
                    source,
                    updated: None,
                    content: Content::Clear { account: None, password },
                },
            ),
            Source::EncryptedPassword
            | Source::EncryptedDsrmPassword
            | Source::EncryptedPasswordHistory
            | Source::EncryptedDsrmPasswordHistory => EncryptedPassword::parse(bytes).map_or_else(
                |_| malformed(EncryptedPassword::updated(bytes).ok()),
                |read| Self {
                    source,
                    updated: Some(read.updated),
                    content: Content::Encrypted(Box::new(read.blob)),
                },
            ),
        }
    }

    pub(super) fn encrypted(&self) -> Option<&Blob> {
        match &self.content {
            Content::Encrypted(blob) => Some(blob),
            Content::Clear { .. } | Content::Malformed => None,
        }
    }

    /// As it is shown; `opened` is what became of it if it is encrypted.
    pub(super) fn into_row(self, entry: &Entry, opened: Option<Opened>) -> Row {
        let Self { source, updated, content } = self;
        let expiry = source.expiry().and_then(|attribute| parse_expiry(entry.text(attribute)?).ok());
        let computer = entry.text("name").unwrap_or_default();
        let mut row = Row {
            computer_name: computer.to_owned(),
            distinguished_name: entry.name.clone(),
            account: None,
            password: None,
            password_update_time: updated.map(|time| time.to_string()),
            expiration_timestamp: expiry.map(|time| time.to_string()),
            source,
            decryption_status: Status::Malformed,
            authorized_decryptor: None,
            trouble: None,
        };
        match (content, opened) {
            (Content::Clear { account, password }, _) => {
                row.decryption_status = Status::NotApplicable;
                row.authorized_decryptor = Some("NotApplicable".to_owned());
                (row.account, row.password) = (account, Some(password));
            }
            (Content::Encrypted(_), Some(Opened { plain, decryptor })) => row.take(plain, decryptor),
            (Content::Encrypted(_) | Content::Malformed, _) => {
                row.trouble = Some(malformed(source, computer))
            }
        }
        row
    }
}

fn clear(value: &[u8]) -> Result<(FileTime, Content), ValueError> {
    let ClearPassword { account, updated, password } = ClearPassword::parse(value)?;
    Ok((updated, Content::Clear { account: Some(account.as_str().to_owned()), password }))
}

fn malformed(source: Source, computer: &str) -> Failure {
    Failure::new(
        Code::Failed,
        format!("{} of {} is not in the form of LAPS", source.attribute(), output::shown(computer)),
        "find out who wrote it; once the password has expired, the computer writes another",
    )
}

impl Row {
    fn take(&mut self, plain: Result<SecretBytes, Locked>, decryptor: String) {
        let computer = output::shown(&self.computer_name);
        match plain {
            Ok(plain) => {
                match laps::decode_text(&plain).ok().and_then(|text| clear(text.expose_secret()).ok()) {
                    // What was encrypted with the password counts more than what stands before it, which anybody may change
                    // who may write the attribute.
                    Some((updated, Content::Clear { account, password })) => {
                        self.decryption_status = Status::Success;
                        self.password_update_time = Some(updated.to_string());
                        (self.account, self.password) = (account, Some(password));
                    }
                    Some(_) | None => self.trouble = Some(malformed(self.source, &self.computer_name)),
                }
            }
            Err(Locked::Unauthorized) => {
                self.decryption_status = Status::Unauthorized;
                self.trouble = Some(Failure::new(
                    Code::Refused,
                    format!(
                        "{} of {computer} is encrypted for {}, and you are not among them",
                        self.source.attribute(),
                        output::shown(&decryptor)
                    ),
                    "use an account that is; a new membership counts from the next ticket on",
                ));
            }
            Err(Locked::Failed(trouble)) => {
                self.decryption_status = Status::Error;
                self.trouble = trouble;
            }
        }
        self.authorized_decryptor = Some(decryptor);
    }
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "NotApplicable",
            Self::Success => "Success",
            Self::Unauthorized => "Unauthorized",
            Self::Error => "Error",
            Self::Malformed => "Malformed",
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
