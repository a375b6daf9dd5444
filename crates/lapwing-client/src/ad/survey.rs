//! How it stands with the passwords of many computers: which have one and in which form, until when, who can read it.
//!
//! INVARIANT: no password is read. Which attributes a computer has is asked for without what is in them, and a directory
//! tells that only to who may read them; where it is asked for whom passwords are encrypted, encrypted ones are read, and never
//! decrypted. Memory holds one page of computers and, of all, 17 bytes for each one that has a
//! password to be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use aws_lc_rs::digest;
use lapwing_core::types::{
    FileTime, SecurityDescriptor, Sid,
    security::{Dacl, Reach, Subject},
};
use lapwing_dpapi::laps::EncryptedPassword;
use lapwing_proto::ad::{
    attribute::{LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute},
    metadata,
    name::DistinguishedName,
    rights, value,
};

use super::{
    connection::{Connection, Entry, Page, Scope, Search, SecurityParts},
    domain::{LapsSchema, RootDse},
    error::AdError,
    written::{self, METADATA},
};

const COMPUTERS: &str = "(objectCategory=computer)";
const DESCRIPTOR: &str = "nTSecurityDescriptor";
/// `ADS_UF_ACCOUNTDISABLE`. [MS-ADTS] 2.2.16.
const DISABLED: u32 = 0x2;
/// How many different lists of permissions are remembered. Computers of one unit that one account has joined share one.
const LISTS_MAX: usize = 4096;

/// In which form a computer's password is stored, as far as the asker may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Encrypted: `msLAPS-EncryptedPassword`, or `msLAPS-EncryptedDSRMPassword` of a domain controller.
    Encrypted,
    /// In clear text: `msLAPS-Password`.
    ClearText,
    /// By legacy Microsoft LAPS: `ms-Mcs-AdmPwd`.
    Legacy,
    /// There is an expiry and no password to be seen: the asker may not read it, or it was deleted.
    Hidden,
    /// There is neither.
    Never,
}

/// What is known of one computer.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Its name by itself.
    pub name: String,
    /// `dNSHostName`.
    pub dns_name: Option<String>,
    /// Where its account is.
    pub distinguished_name: String,
    /// Whether its account is enabled.
    pub is_enabled: bool,
    /// In which form its password is stored.
    pub mode: Mode,
    /// Whether a password in an older form lies beside the one in force: clear text beside an encrypted one, or one of
    /// legacy LAPS beside either.
    pub has_stale_clear_text: bool,
    /// Until when the password is good.
    pub expiry: Option<FileTime>,
    /// When a password was last written, to the second.
    pub updated: Option<FileTime>,
    /// Who can read a password of it, by the entries of its permissions; none if those are not to be seen.
    pub readers: Option<Rc<BTreeSet<Sid>>>,
    /// For whom its password is encrypted; none if it is not, or if that was not asked for.
    pub decryptor: Option<Decryptor>,
    /// The same of the password for a domain controller's repair mode.
    pub dsrm_decryptor: Option<Decryptor>,
}

/// For whom a password is encrypted, as its blob says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decryptor {
    /// For whoever this means.
    Sid(Sid),
    /// What is stored is no encrypted password.
    Malformed,
}

impl Surveyed {
    /// Whether the expiry has passed.
    #[must_use]
    pub fn is_overdue(&self, now: FileTime) -> bool {
        self.expiry.is_some_and(|expiry| expiry < now)
    }
}

/// The attributes that a survey is about, as they are called and numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stored {
    Encrypted,
    EncryptedDsrm,
    ClearText,
    Legacy,
}

impl Stored {
    const ALL: [Self; 4] = [Self::Encrypted, Self::EncryptedDsrm, Self::ClearText, Self::Legacy];

    const fn ldap_name(self) -> &'static str {
        match self {
            Self::Encrypted => LapsAttribute::EncryptedPassword.ldap_name(),
            Self::EncryptedDsrm => LapsAttribute::EncryptedDsrmPassword.ldap_name(),
            Self::ClearText => LapsAttribute::Password.ldap_name(),
            Self::Legacy => LEGACY_PASSWORD,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Encrypted => 1,
            Self::EncryptedDsrm => 2,
            Self::ClearText => 4,
            Self::Legacy => 8,
        }
    }

    fn is_in(self, schema: &LapsSchema) -> bool {
        match self {
            Self::Encrypted => schema.has(LapsAttribute::EncryptedPassword),
            Self::EncryptedDsrm => schema.has(LapsAttribute::EncryptedDsrmPassword),
            Self::ClearText => schema.has(LapsAttribute::Password),
            Self::Legacy => schema.legacy_password.is_some(),
        }
    }
}

/// A survey that is under way.
#[derive(Debug)]
pub struct Survey {
    base: DistinguishedName,
    /// The password attributes of the schema, with their numbers where they have one. [MS-ADTS] 3.1.1.2.6.
    stored: Vec<(Stored, Option<u32>)>,
    passwords: Vec<Subject>,
    /// By the digest of its name, which password attributes a computer has; those that have none are left out.
    present: BTreeMap<[u8; 16], u8>,
    /// Whether encrypted passwords are read for whom they are for.
    with_decryptors: bool,
    /// By their bytes, who can read a password.
    lists: BTreeMap<Vec<u8>, Rc<BTreeSet<Sid>>>,
    next: Option<Page>,
}

impl Survey {
    /// Begins a survey of the computers below an object, and finds out which of them have a password to be seen. For whom
    /// encrypted ones are takes reading them: one to two kilobytes for each computer.
    ///
    /// # Errors
    /// [`AdError`] about an answer.
    pub async fn begin(
        connection: &mut Connection,
        root: &RootDse,
        schema: &LapsSchema,
        base: DistinguishedName,
        with_decryptors: bool,
    ) -> Result<Self, AdError> {
        let mut stored = Vec::new();
        for attribute in Stored::ALL.into_iter().filter(|attribute| attribute.is_in(schema)) {
            stored.push((attribute, written::number(connection, root, attribute.ldap_name()).await?));
        }
        let mut survey = Self {
            base,
            stored,
            passwords: rights::passwords(&schema.guids, schema.legacy_password),
            present: BTreeMap::new(),
            with_decryptors,
            lists: BTreeMap::new(),
            next: Some(Page::FIRST),
        };
        survey.look_for_passwords(connection).await?;
        Ok(survey)
    }

    /// Which computers have which password attributes: their names alone cross the network.
    async fn look_for_passwords(&mut self, connection: &mut Connection) -> Result<(), AdError> {
        let names: Vec<&str> = self.stored.iter().map(|(attribute, _)| attribute.ldap_name()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let any: String = names.iter().map(|name| format!("({name}=*)")).collect();
        let search = Search {
            base: self.base.as_str(),
            scope: Scope::Subtree,
            filter: &format!("(&{COMPUTERS}(|{any}))"),
            attributes: &names,
            security: SecurityParts::None,
        };
        let mut next = Some(Page::FIRST_NAMES_ONLY);
        while let Some(page) = next {
            let present = &mut self.present;
            let take = |entry: Entry| {
                let has = Stored::ALL.into_iter().filter(|attribute| entry.has(attribute.ldap_name()));
                present.insert(digest_of(&entry.name), has.fold(0, |sum, attribute| sum | attribute.bit()));
            };
            next = connection.search_page(&search, page, take).await?;
        }
        Ok(())
    }

    /// The computers of the next page; none behind the last.
    ///
    /// # Errors
    /// [`AdError`] about an answer.
    pub async fn next_page(&mut self, connection: &mut Connection) -> Result<Option<Vec<Surveyed>>, AdError> {
        const ATTRIBUTES: [&str; 7] = [
            "name",
            "dNSHostName",
            "userAccountControl",
            LapsAttribute::PasswordExpirationTime.ldap_name(),
            LEGACY_EXPIRATION_TIME,
            METADATA,
            DESCRIPTOR,
        ];
        let Some(page) = self.next.take() else { return Ok(None) };
        let base = self.base.clone();
        let is_read = |attribute: &Stored| matches!(attribute, Stored::Encrypted | Stored::EncryptedDsrm);
        let encrypted =
            self.stored.iter().map(|(attribute, _)| attribute).filter(|attribute| is_read(attribute));
        let encrypted = encrypted.filter(|_| self.with_decryptors).map(|attribute| attribute.ldap_name());
        let attributes: Vec<&str> = ATTRIBUTES.into_iter().chain(encrypted).collect();
        let search = Search {
            base: base.as_str(),
            scope: Scope::Subtree,
            filter: COMPUTERS,
            attributes: &attributes,
            security: SecurityParts::Access,
        };
        let mut computers = Vec::new();
        let take = |entry: Entry| computers.push(self.judge(&entry));
        self.next = connection.search_page(&search, page, take).await?;
        Ok(Some(computers))
    }

    fn judge(&mut self, entry: &Entry) -> Surveyed {
        let present = self.present.get(&digest_of(&entry.name)).copied().unwrap_or_default();
        let has = |attribute: Stored| present & attribute.bit() != 0;
        let expiry = |attribute| value::parse_expiry(entry.text(attribute)?).ok();
        let newer = expiry(LapsAttribute::PasswordExpirationTime.ldap_name());
        let older = expiry(LEGACY_EXPIRATION_TIME);
        let is_encrypted = has(Stored::Encrypted) || has(Stored::EncryptedDsrm);
        let mode = if is_encrypted {
            Mode::Encrypted
        } else if has(Stored::ClearText) {
            Mode::ClearText
        } else if has(Stored::Legacy) && newer.is_none() {
            Mode::Legacy
        } else if newer.is_some() || older.is_some() {
            Mode::Hidden
        } else {
            Mode::Never
        };
        let is_disabled = |flags: u32| flags & DISABLED != 0;
        Surveyed {
            name: entry.text("name").unwrap_or_default().to_owned(),
            dns_name: entry.text("dNSHostName").map(str::to_owned),
            distinguished_name: entry.name.clone(),
            is_enabled: !entry
                .text("userAccountControl")
                .and_then(|flags| flags.parse().ok())
                .is_some_and(is_disabled),
            mode,
            has_stale_clear_text: (is_encrypted && has(Stored::ClearText))
                || (mode != Mode::Legacy && has(Stored::Legacy)),
            expiry: if mode == Mode::Legacy { older } else { newer.or(older) },
            updated: self.updated(entry, mode),
            readers: entry.value(DESCRIPTOR).and_then(|bytes| self.readers(bytes)),
            decryptor: decryptor(entry, Stored::Encrypted),
            dsrm_decryptor: decryptor(entry, Stored::EncryptedDsrm),
        }
    }

    /// When the password in this form was written; of one that is not to be seen, when any was.
    fn updated(&self, entry: &Entry, mode: Mode) -> Option<FileTime> {
        let metadata = entry.value(METADATA)?;
        let counts = |attribute: Stored| match mode {
            Mode::Encrypted => matches!(attribute, Stored::Encrypted | Stored::EncryptedDsrm),
            Mode::ClearText => attribute == Stored::ClearText,
            Mode::Legacy => attribute == Stored::Legacy,
            Mode::Hidden => true,
            Mode::Never => false,
        };
        let numbers = self.stored.iter().filter(|(attribute, _)| counts(*attribute));
        let writes = numbers.filter_map(|(_, number)| metadata::last_write(metadata, (*number)?));
        writes.map(|write| write.time).max()
    }

    fn readers(&mut self, bytes: &[u8]) -> Option<Rc<BTreeSet<Sid>>> {
        if let Some(known) = self.lists.get(bytes) {
            return Some(Rc::clone(known));
        }
        let descriptor = SecurityDescriptor::parse(bytes).ok()?;
        let readers = match descriptor.dacl() {
            Dacl::Present(acl) => rights::readers(acl, &self.passwords, Reach::Itself).into_keys().collect(),
            Dacl::Null => [Sid::everyone()].into(),
            Dacl::Absent => return None,
        };
        if self.lists.len() >= LISTS_MAX {
            self.lists.clear();
        }
        let readers = Rc::new(readers);
        self.lists.insert(bytes.to_vec(), Rc::clone(&readers));
        Some(readers)
    }
}

fn decryptor(entry: &Entry, attribute: Stored) -> Option<Decryptor> {
    let value = entry.value(attribute.ldap_name())?;
    let read = EncryptedPassword::parse(value);
    Some(read.map_or(Decryptor::Malformed, |read| Decryptor::Sid(read.blob.sid)))
}

/// Half of a digest: names that share it by chance are not to be expected, and none can be chosen so.
fn digest_of(name: &str) -> [u8; 16] {
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
