//! A keytab: whose keys are in it. "MIT Kerberos Documentation", "Keytab file format".
//!
//! INVARIANT: no key is copied. Who holds the bytes wipes them.

use std::collections::BTreeSet;

/// The longest file read, in bytes. A machine has a key for each of its names, ciphers and last few passwords: some kilobytes.
pub const FILE_LEN_MAX: usize = 1 << 20;

/// The format since 1993, numbers in network order.
const HEADER: [u8; 2] = [5, 2];

/// The machine whose keys a keytab holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its account in the domain, with the dollar sign, such as `HOST$`. [MS-ADTS] 3.1.1.4.5.
    pub account: String,
    /// Its domain's name as Kerberos writes it, in capitals.
    pub realm: String,
    /// How often its password has been changed, as far as this file knows: the largest number of its keys.
    pub version: u32,
    /// What its newest keys are for.
    pub ciphers: BTreeSet<Cipher>,
}

/// What a key is for. The numbers are those of IANA's registry "Kerberos Encryption Type Numbers".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cipher {
    /// 17 to 20.
    Aes(u16),
    /// 23: RC4, which domains have begun to refuse.
    Rc4,
    /// DES, which nobody takes any more, and whatever is unknown.
    Other(u16),
}

/// Why a keytab tells no machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeytabError {
    /// Longer than any honest file.
    #[error("the keytab has {len} bytes, more than {FILE_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It does not begin as a keytab.
    #[error("the file is no keytab of version 2")]
    Header,
    /// An entry is not of the form that the documentation gives.
    #[error("the entry of the keytab that begins at byte {at} is malformed: {what}")]
    Malformed {
        /// Where the entry begins, in bytes.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Nothing is in it.
    #[error("the keytab is empty")]
    Empty,
    /// Keys there are, but none of a machine's account.
    #[error("the keytab has no key of a machine's account, NAME$@DOMAIN")]
    NoMachine,
    /// All keys are for ciphers that nobody takes any more.
    #[error("the keytab has keys of the machine's account for outdated ciphers only")]
    Outdated,
}

impl KeytabError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::Header | Self::Malformed { .. } => {
                "move the file away and join this host to the domain again, with `realm join` or `adcli join`"
            }
            Self::Empty | Self::NoMachine => {
                "join this host to the domain, with `realm join` or `adcli join`, or name the keytab that has its account"
            }
            Self::Outdated => {
                "allow AES for the host's account and give it new keys: `adcli update --computer-password-lifetime=0`"
            }
        }
    }
}

impl Machine {
    /// Reads whose keys a keytab holds: the first entry of a machine's account decides, as with Kerberos itself. Entries such
    /// as `host/name` belong to services and name nobody who could log on.
    ///
    /// # Errors
    /// [`KeytabError`] if the file is malformed anywhere, or names no machine with a key that is of use.
    pub fn read(bytes: &[u8]) -> Result<Self, KeytabError> {
        if bytes.len() > FILE_LEN_MAX {
            return Err(KeytabError::TooLong { len: bytes.len() });
        }
        let mut rest = bytes.strip_prefix(&HEADER).ok_or(KeytabError::Header)?;
        let (mut machine, mut is_empty): (Option<Self>, bool) = (None, true);
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let mut file = Cursor { rest };
            let entry = next_entry(&mut file).map_err(|what| KeytabError::Malformed { at, what })?;
            rest = file.rest;
            match entry {
                Record::End => break,
                Record::Hole => {}
                Record::Entry(entry) => {
                    is_empty = false;
                    Self::note(&mut machine, entry);
                }
            }
        }
        let machine = machine.ok_or(if is_empty { KeytabError::Empty } else { KeytabError::NoMachine })?;
        let is_usable = machine.ciphers.iter().any(|cipher| !matches!(cipher, Cipher::Other(_)));
        if is_usable { Ok(machine) } else { Err(KeytabError::Outdated) }
    }

    /// The account as Kerberos names it, such as `HOST$@EXAMPLE.COM`.
    #[must_use]
    pub fn principal(&self) -> String {
        let Self { account, realm, .. } = self;
        format!("{account}@{realm}")
    }

    /// Its domain's name in DNS, such as `example.com`. [MS-ADTS] 3.1.1.1.5: the realm is this in capitals.
    #[must_use]
    pub fn domain(&self) -> String {
        self.realm.to_ascii_lowercase()
    }

    fn note(machine: &mut Option<Self>, entry: Entry<'_>) {
        let Some((account, realm)) = entry.machine else { return };
        match machine {
            None => {
                let ciphers = BTreeSet::from([entry.cipher]);
                *machine = Some(Self {
                    account: account.to_owned(),
                    realm: realm.to_owned(),
                    version: entry.version,
                    ciphers,
                });
            }
            Some(known) if known.account == account && known.realm == realm => {
                if entry.version > known.version {
                    known.version = entry.version;
                    known.ciphers.clear();
                }
                if entry.version == known.version {
                    known.ciphers.insert(entry.cipher);
                }
            }
            Some(_) => {}
        }
    }
}

enum Record<'a> {
    /// Where an entry was deleted.
    Hole,
    /// Nothing follows.
    End,
    Entry(Entry<'a>),
}

struct Entry<'a> {
    /// Account and realm, if it is a machine's.
    machine: Option<(&'a str, &'a str)>,
    version: u32,
    cipher: Cipher,
}

fn next_entry<'a>(file: &mut Cursor<'a>) -> Result<Record<'a>, &'static str> {
    let len = i32::from_be_bytes(file.chunk()?);
    let body = file.take(usize::try_from(len.unsigned_abs()).unwrap_or(usize::MAX))?;
    match len {
        0 => Ok(Record::End),
        ..0 => Ok(Record::Hole),
        1.. => entry(&mut Cursor { rest: body }).map(Record::Entry),
    }
}

fn entry<'a>(cursor: &mut Cursor<'a>) -> Result<Entry<'a>, &'static str> {
    let count = u16::from_be_bytes(cursor.chunk()?);
    let realm = cursor.counted()?;
    let mut first = None;
    for _ in 0..count {
        let component = cursor.counted()?;
        first.get_or_insert(component);
    }
    let [_kind, _time] = [cursor.chunk::<4>()?, cursor.chunk::<4>()?];
    let [short] = cursor.chunk()?;
    let cipher = Cipher::from_number(u16::from_be_bytes(cursor.chunk()?));
    let _key = cursor.counted()?;
    // The version in full follows in files of the last decades; zero means that the short one is meant.
    let long = cursor.chunk().map_or(0, u32::from_be_bytes);
    let version = if long == 0 { u32::from(short) } else { long };
    let machine = first.filter(|_| count == 1).and_then(|account| machine_of(account, realm));
    Ok(Entry { machine, version, cipher })
}

/// Account and realm, if these are a machine's; what Kerberos would have to quote is in neither.
fn machine_of<'a>(account: &'a [u8], realm: &'a [u8]) -> Option<(&'a str, &'a str)> {
    let [account, realm] = [account, realm].map(|name| str::from_utf8(name).ok());
    let (account, realm) = (account?, realm?);
    let is_plain = |name: &str| {
        !name.is_empty() && !name.contains(|sign: char| sign.is_control() || " @/\\".contains(sign))
    };
    let is_machine = account.strip_suffix('$').is_some_and(is_plain) && is_plain(realm);
    is_machine.then_some((account, realm))
}

impl Cipher {
    const fn from_number(number: u16) -> Self {
        match number {
            17..=20 => Self::Aes(number),
            23 => Self::Rc4,
            other => Self::Other(other),
        }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("it ends early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const LEN: usize>(&mut self) -> Result<[u8; LEN], &'static str> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or("it ends early")?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn counted(&mut self) -> Result<&'a [u8], &'static str> {
        let len = u16::from_be_bytes(self.chunk()?);
        self.take(usize::from(len))
    }
}

#[cfg(test)]
mod tests;
