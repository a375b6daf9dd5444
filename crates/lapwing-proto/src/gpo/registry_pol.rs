//! `Registry.pol`: the registry values that a Group Policy object sets. [MS-GPREG] 2.2.1; "Registry Policy File Format".

/// The longest file read, in bytes: those of large baselines have a few hundred thousand.
pub const FILE_LEN_MAX: usize = 16 << 20;
/// The longest path of a key, in UTF-16 units. "Registry element size limits".
pub const KEY_LEN_MAX: usize = 32_767;
/// The longest name of a value, in UTF-16 units. "Registry element size limits".
pub const VALUE_NAME_LEN_MAX: usize = 16_383;

/// `PReg` and version 1. [MS-GPREG] 2.2.1.
const HEADER: [u8; 8] = *b"PReg\x01\0\0\0";

/// One entry of the file, as it stands there: `[key;value;type;size;data]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The path of the key below the machine's or user's root.
    pub key: String,
    /// The name of the value, or an instruction that begins with `**`.
    pub value: String,
    /// The type of the data. [MS-GPREG] 2.2.1.
    pub kind: u32,
    /// The data, as long as the size says.
    pub data: Vec<u8>,
}

/// Why bytes are not a registry policy file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryPolError {
    /// Longer than any honest file.
    #[error("the registry policy file has {len} bytes, more than {FILE_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It does not begin with the signature and version 1.
    #[error("the file is no registry policy file of version 1")]
    Header,
    /// An entry is not of the form that the specification gives.
    #[error("the entry of the registry policy file that begins at byte {at} is malformed: {what}")]
    Malformed {
        /// Where the entry begins, in bytes.
        at: usize,
        /// What is missing or too long.
        what: &'static str,
    },
}

/// Reads a whole file. Nothing is skipped: what is not of the form makes the file unreadable.
///
/// # Errors
/// [`RegistryPolError`] if it is too long or malformed.
pub fn read(bytes: &[u8]) -> Result<Vec<Record>, RegistryPolError> {
    if bytes.len() > FILE_LEN_MAX {
        return Err(RegistryPolError::TooLong { len: bytes.len() });
    }
    let mut rest = bytes.strip_prefix(&HEADER).ok_or(RegistryPolError::Header)?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let mut cursor = Cursor { rest };
        records.push(read_record(&mut cursor).map_err(|what| RegistryPolError::Malformed { at, what })?);
        rest = cursor.rest;
    }
    Ok(records)
}

/// Writes a file, of the same bytes if the entries were read.
#[must_use]
pub fn write(records: &[Record]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for record in records {
        // What was read is shorter, and what is built holds a number or a name.
        let len = u32::try_from(record.data.len()).unwrap_or(u32::MAX);
        unit(&mut bytes, '[');
        for text in [&record.key, &record.value] {
            bytes.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
            unit(&mut bytes, ';');
        }
        bytes.extend(record.kind.to_le_bytes());
        unit(&mut bytes, ';');
        bytes.extend(len.to_le_bytes());
        unit(&mut bytes, ';');
        bytes.extend(&record.data);
        unit(&mut bytes, ']');
    }
    bytes
}

fn unit(bytes: &mut Vec<u8>, sign: char) {
    let mut units = [0; 2];
    bytes.extend(sign.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_le_bytes()));
}

fn read_record(cursor: &mut Cursor<'_>) -> Result<Record, &'static str> {
    cursor.sign('[')?;
    let key = cursor.text(KEY_LEN_MAX)?;
    cursor.sign(';')?;
    let value = cursor.text(VALUE_NAME_LEN_MAX)?;
    cursor.sign(';')?;
    let kind = cursor.number()?;
    cursor.sign(';')?;
    let len = cursor.number()?;
    cursor.sign(';')?;
    let data = cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?.to_vec();
    cursor.sign(']')?;
    Ok(Record { key, value, kind, data })
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

    fn number(&mut self) -> Result<u32, &'static str> {
        let (number, rest) = self.rest.split_first_chunk().ok_or("it ends early")?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*number))
    }

    fn sign(&mut self, sign: char) -> Result<(), &'static str> {
        let mut expected = Vec::with_capacity(2);
        unit(&mut expected, sign);
        if self.take(2)? == expected { Ok(()) } else { Err("a bracket or semicolon is missing") }
    }

    /// A text up to its null character.
    fn text(&mut self, len_max: usize) -> Result<String, &'static str> {
        let (units, _) = self.rest.as_chunks::<2>();
        let len = units.iter().take(len_max + 1).position(|unit| *unit == [0, 0]);
        let len = len.ok_or("a text has no end, or is too long")?;
        let text = units.iter().take(len).map(|unit| u16::from_le_bytes(*unit));
        let text =
            char::decode_utf16(text).collect::<Result<String, _>>().map_err(|_| "a text is no UTF-16")?;
        self.take((len + 1) * 2)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIXTURE: &[u8] = include_bytes!("fixtures/laps.pol");
    const OF_SAMBA: &[u8] = include_bytes!("fixtures/samba_tool.pol");

    fn record(key: &str, value: &str, kind: u32, data: &[u8]) -> Record {
        Record { key: key.to_owned(), value: value.to_owned(), kind, data: data.to_vec() }
    }

    #[test]
    fn a_file_is_read_and_written_as_the_same_bytes() {
        let key = r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS";
        let records = read(FIXTURE).unwrap();
        assert_eq!(
            records,
            [
                record(key, "BackupDirectory", 4, &[2, 0, 0, 0]),
                record(key, "AdministratorAccountName", 1, b"l\0a\0p\0s\0\0\0"),
                record(key, "**del.ADPasswordEncryptionPrincipal", 1, b" \0\0\0"),
            ]
        );
        assert_eq!(write(&records), FIXTURE);
        assert_eq!(read(&write(&[])), Ok(Vec::new()));
    }

    #[test]
    fn a_file_of_sambas_is_read_and_written_as_the_same_bytes() {
        let key = r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS";
        let text = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let records = read(OF_SAMBA).unwrap();
        assert_eq!(
            records,
            [
                record(key, "BackupDirectory", 4, &[2, 0, 0, 0]),
                record(key, "PasswordLength", 4, &[20, 0, 0, 0]),
                record(r"Software\Policies\Microsoft Services\AdmPwd", "AdmPwdEnabled", 4, &[1, 0, 0, 0]),
                record(r"Software\Policies\Other", "Servers", 1, &text("a b")),
                record(key, "AdministratorAccountName", 1, &text("lapadmin")),
            ]
        );
        assert_eq!(write(&records), OF_SAMBA);
    }

    #[test]
    fn malformed_files_are_refused_with_their_place() {
        let good = write(&[record("K", "V", 4, &[1, 0, 0, 0])]);
        // What is good in every place is read.
        assert!(read(&good).is_ok());
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let table = [
            ("signature", with(0, 0)),
            ("version", with(4, 2)),
            ("bracket", with(8, b'{')),
            ("end of the key", with(12, 1)),
            ("semicolon", with(14, b',')),
            ("lone surrogate", with(11, 0xd8)),
            ("size beyond the end", with(31, 1)),
            ("closing bracket", with(38, b'}')),
            ("end", good[..good.len() - 1].to_vec()),
            ("half a header", good[..4].to_vec()),
        ];
        for (what, bytes) in table {
            assert!(read(&bytes).is_err(), "{what}");
        }
        let second = [&good[..], b"x"].concat();
        assert_eq!(read(&second), Err(RegistryPolError::Malformed { at: good.len(), what: "it ends early" }));
    }

    #[test]
    fn texts_and_files_have_their_limits() {
        let with = |key: usize, value: usize| {
            read(&write(&[record(&"k".repeat(key), &"v".repeat(value), 1, &[])])).is_ok()
        };
        assert!(with(KEY_LEN_MAX, VALUE_NAME_LEN_MAX));
        assert!(!with(KEY_LEN_MAX + 1, 1));
        assert!(!with(1, VALUE_NAME_LEN_MAX + 1));
        let long =
            write(&[record("k", "v", 3, &vec![0; FILE_LEN_MAX - write(&[record("k", "v", 3, &[])]).len()])]);
        assert_eq!(long.len(), FILE_LEN_MAX);
        assert!(read(&long).is_ok());
        assert_eq!(
            read(&[&long[..], b"x"].concat()),
            Err(RegistryPolError::TooLong { len: FILE_LEN_MAX + 1 })
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(
            parts in proptest::collection::vec(
                ("[^\0]{0,12}", "[^\0]{0,12}", any::<u32>(), any::<Vec<u8>>()), 0..6
            ),
        ) {
            let records: Vec<Record> =
                parts.iter().map(|(key, value, kind, data)| record(key, value, *kind, data)).collect();
            prop_assert_eq!(read(&write(&records)), Ok(records));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            drop(read(&[&HEADER, &bytes[..]].concat()));
            drop(read(&bytes));
        }
    }
}
