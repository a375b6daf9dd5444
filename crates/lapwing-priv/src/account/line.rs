//! Lines of the colon-separated account files, as bytes. passwd(5), shadow(5).
//!
//! INVARIANT: an edit changes the named fields of the one matching line; every other byte of the file stays.

use std::ops::Range;

/// Why a file has no line to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// No line has that name.
    #[error("there is no line for it")]
    None,
    /// Which of several counts depends on the program that reads them.
    #[error("there is more than one line for it")]
    Several,
    /// The line does not have as many fields as the format says.
    #[error("its line does not have {expected} fields")]
    Malformed { expected: usize },
}

/// The fields of one line, as places in the file it was found in.
pub(crate) struct Line<'a, const FIELDS: usize> {
    file: &'a [u8],
    fields: [Range<usize>; FIELDS],
}

/// A line of `/etc/passwd`.
pub(crate) type PasswdLine<'a> = Line<'a, 7>;
/// A line of `/etc/group`.
pub(crate) type GroupLine<'a> = Line<'a, 4>;
/// A line of `/etc/shadow`.
pub(crate) type ShadowLine<'a> = Line<'a, 9>;

impl<'a, const FIELDS: usize> Line<'a, FIELDS> {
    /// Finds the only line whose first field is `name`. NIS entries (`+`, `-`) are never an account's.
    ///
    /// # Errors
    /// If there is none, more than one, or if it has another number of fields.
    pub(crate) fn find(file: &'a [u8], name: &str) -> Result<Self, LineError> {
        let mut matching = Self::all(file).filter(|line| first_field(&file[line.clone()]) == name.as_bytes());
        let line = matching.next().ok_or(LineError::None)?;
        match matching.next() {
            _ if name.starts_with(['+', '-']) => Err(LineError::None),
            Some(_) => Err(LineError::Several),
            None => Self::split(file, line),
        }
    }

    /// Every well-formed line.
    pub(crate) fn each(file: &'a [u8]) -> impl Iterator<Item = Self> {
        Self::all(file).filter_map(|line| Self::split(file, line).ok())
    }

    fn all(file: &'a [u8]) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        file.split(|byte| *byte == b'\n').map(move |line| {
            let range = start..start + line.len();
            start = range.end + 1;
            range
        })
    }

    fn split(file: &'a [u8], line: Range<usize>) -> Result<Self, LineError> {
        let mut start = line.start;
        let fields: Vec<_> = file[line]
            .split(|byte| *byte == b':')
            .map(|field| {
                let range = start..start + field.len();
                start = range.end + 1;
                range
            })
            .collect();
        let fields = fields.try_into().map_err(|_| LineError::Malformed { expected: FIELDS })?;
        Ok(Self { file, fields })
    }

    /// A field, counted from 0.
    pub(crate) fn field<const AT: usize>(&self) -> &'a [u8] {
        const { assert!(AT < FIELDS, "no such field") };
        &self.file[self.fields[AT].clone()]
    }

    /// A decimal field; `None` if it is empty or no number.
    pub(crate) fn number<const AT: usize>(&self) -> Option<u32> {
        let digits = self.field::<AT>();
        // `parse` would take a sign.
        digits.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(digits).ok()?.parse().ok())?
    }
}

impl ShadowLine<'_> {
    /// The whole file with some fields of this line replaced, in their order, built in a buffer that never grows, for what is left
    /// behind of a smaller one holds hashes.
    pub(crate) fn with<const COUNT: usize>(&self, replaced: [(usize, &[u8]); COUNT]) -> Vec<u8> {
        let added: usize = replaced.iter().map(|(_, value)| value.len()).sum();
        let mut file = Vec::with_capacity(self.file.len() + added);
        let mut copied = 0;
        for (at, value) in replaced {
            let field = &self.fields[at];
            file.extend(&self.file[copied..field.start]);
            file.extend(value);
            copied = field.end;
        }
        file.extend(&self.file[copied..]);
        file
    }
}

fn first_field(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &[u8] =
        b"root:*:19000:0:99999:7:::\nann:$6$a$b:19001:0:99999:7:::\n+nis::::::::\nbob::19002::::::";

    #[test]
    fn the_line_of_an_account_is_found_by_its_whole_name() {
        assert_eq!(ShadowLine::find(FILE, "ann").unwrap().field::<1>(), b"$6$a$b");
        assert_eq!(ShadowLine::find(FILE, "bob").unwrap().field::<1>(), b"");
        assert_eq!(ShadowLine::find(FILE, "an").err(), Some(LineError::None));
        assert_eq!(ShadowLine::find(FILE, "+nis").err(), Some(LineError::None));
        assert_eq!(ShadowLine::find(b"", "").err(), Some(LineError::Malformed { expected: 9 }));
    }

    #[test]
    fn two_lines_of_one_name_are_refused() {
        let file = b"ann:a:1::::::\nbob:b:1::::::\nann:c:1::::::\n";
        assert_eq!(ShadowLine::find(file, "ann").err(), Some(LineError::Several));
    }

    #[test]
    fn a_line_with_too_few_or_too_many_fields_is_refused() {
        for line in [&b"ann"[..], b"ann:x", b"ann:x:1:::::", b"ann:x:1:::::::"] {
            assert_eq!(ShadowLine::find(line, "ann").err(), Some(LineError::Malformed { expected: 9 }));
        }
    }

    #[test]
    fn a_number_has_no_sign_and_is_not_empty() {
        let line = ShadowLine::find(b"a:x:+1:-1::5:::", "a").unwrap();
        assert_eq!(
            (line.number::<2>(), line.number::<3>(), line.number::<4>(), line.number::<5>()),
            (None, None, None, Some(5))
        );
    }

    /// Lines as they occur and as they should not: well-formed, NIS, comments, empty, short.
    fn any_line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => "[a-z]{1,8}(:[!-9;-~]{0,12}){8}".prop_map(String::into_bytes),
            1 => "[+-][a-z]{0,4}(:[a-z]{0,3}){0,8}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..40),
        ]
    }

    proptest! {
        #[test]
        fn an_edit_changes_two_fields_of_one_line_and_no_other_byte(
            before in proptest::collection::vec(any_line(), 0..6),
            after in proptest::collection::vec(any_line(), 0..6),
            rest in "(:[0-9]{0,5}){6}",
            newline_at_end: bool,
            hash in "[!-9;-~]{0,40}",
            day in 1_u32..100_000,
        ) {
            let join = |target: &str| {
                let lines: Vec<_> =
                    before.iter().cloned().chain([target.as_bytes().to_vec()]).chain(after.iter().cloned()).collect();
                let mut file = lines.join(&b'\n');
                if newline_at_end { file.push(b'\n'); }
                file
            };
            // An upper-case name occurs in no other line but by arbitrary bytes.
            let file = join(&format!("TARGET:old:1{rest}"));
            prop_assume!(file.windows(6).filter(|w| w == b"TARGET").count() == 1);
            let day = day.to_string();
            let fields = [(1, hash.as_bytes()), (2, day.as_bytes())];
            let edited = ShadowLine::find(&file, "TARGET").unwrap().with(fields);
            prop_assert_eq!(edited, join(&format!("TARGET:{hash}:{day}{rest}")));
        }

        #[test]
        fn arbitrary_files_never_panic(file: Vec<u8>, name: String) {
            drop(ShadowLine::find(&file, &name));
            prop_assert!(PasswdLine::each(&file).count() <= file.len() + 1);
        }
    }
}
