//! An account file as lines that can be put in, changed and taken out. passwd(5), shadow(5), group(5), gshadow(5).
//!
//! INVARIANT: whatever is not asked for keeps its bytes and its place, so that a line put in and taken out again leaves
//! the file as it was.

use super::line::LineError;

/// The lines of a file. One that ends in a line break has an empty last one.
pub(crate) struct Table(Vec<Vec<u8>>);

/// The fields of one line.
pub(crate) type Fields = Vec<Vec<u8>>;

impl Table {
    pub(crate) fn parse(file: &[u8]) -> Self {
        Self(file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.join(&b'\n')
    }

    /// Where the only line is whose first field is `name`; none if there is none.
    ///
    /// # Errors
    /// [`LineError::Several`], and [`LineError::Malformed`] if it has not this many fields.
    pub(crate) fn find(&self, name: &str, fields: usize) -> Result<Option<usize>, LineError> {
        let mut found = (0..self.0.len()).filter(|at| self.name(*at) == name.as_bytes());
        let Some(at) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(LineError::Several);
        }
        if self.fields(at).len() == fields {
            Ok(Some(at))
        } else {
            Err(LineError::Malformed { expected: fields })
        }
    }

    /// Every line's place.
    pub(crate) fn places(&self) -> core::ops::Range<usize> {
        0..self.0.len()
    }

    /// The first field of a line.
    pub(crate) fn name(&self, at: usize) -> &[u8] {
        self.0[at].split(|byte| *byte == b':').next().unwrap_or_default()
    }

    pub(crate) fn fields(&self, at: usize) -> Fields {
        self.0[at].split(|byte| *byte == b':').map(<[u8]>::to_vec).collect()
    }

    /// A field of a line as a number; none if it is not there, empty or no number.
    pub(crate) fn number(&self, at: usize, field: usize) -> Option<u32> {
        let digits = self.0[at].split(|byte| *byte == b':').nth(field)?;
        // `parse` would take a sign.
        digits.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(digits).ok()?.parse().ok())?
    }

    pub(crate) fn set(&mut self, at: usize, fields: &Fields) {
        self.0[at] = fields.join(&b':');
    }

    /// Puts a line in after another one.
    pub(crate) fn insert_after(&mut self, at: usize, fields: &Fields) {
        self.0.insert(at + 1, fields.join(&b':'));
    }

    /// Puts a line in at the end, before entries of NIS, which take the place of whatever follows.
    pub(crate) fn add(&mut self, fields: &Fields) {
        let of_nis = self.0.iter().position(|line| line.starts_with(b"+") || line.starts_with(b"-"));
        if self.0.last().is_some_and(|last| !last.is_empty()) {
            self.0.push(Vec::new());
        }
        let at = of_nis.unwrap_or(self.0.len() - 1);
        self.0.insert(at, fields.join(&b':'));
    }

    pub(crate) fn remove(&mut self, at: usize) {
        self.0.remove(at);
    }
}

/// The names in a list of members.
pub(crate) fn members(list: &[u8]) -> Vec<&[u8]> {
    list.split(|byte| *byte == b',').filter(|name| !name.is_empty()).collect()
}

/// The list with `to` in the place of `from`, or without it; none if `from` is not in it.
pub(crate) fn replaced(list: &[u8], from: &[u8], to: Option<&[u8]>) -> Option<Vec<u8>> {
    let names = members(list);
    if !names.contains(&from) {
        return None;
    }
    let already = to.is_some_and(|to| names.contains(&to));
    let to = to.filter(|_| !already);
    let kept = names.into_iter().filter_map(|name| if name == from { to } else { Some(name) });
    Some(kept.collect::<Vec<_>>().join(&b','))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Fields {
        line.split(':').map(|field| field.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_line_is_added_before_the_entries_of_nis() {
        let mut table = Table::parse(b"a:1\n+@staff::\n+\n");
        table.add(&fields("b:2"));
        assert_eq!(table.to_bytes(), b"a:1\nb:2\n+@staff::\n+\n");
    }

    #[test]
    fn a_file_without_a_last_line_break_gets_one() {
        let mut table = Table::parse(b"a:1");
        table.add(&fields("b:2"));
        assert_eq!(table.to_bytes(), b"a:1\nb:2\n");
        let mut empty = Table::parse(b"");
        empty.add(&fields("b:2"));
        assert_eq!(empty.to_bytes(), b"b:2\n");
    }

    #[test]
    fn a_member_is_replaced_whole_and_never_twice() {
        let table: [(&str, &str, Option<&str>, Option<&str>); 7] = [
            ("ann,bob", "ann", Some("eve"), Some("eve,bob")),
            ("ann,bob", "an", Some("eve"), None),
            ("ann,bob", "bob", None, Some("ann")),
            ("ann", "ann", None, Some("")),
            ("ann,eve", "ann", Some("eve"), Some("eve")),
            ("", "ann", Some("eve"), None),
            ("ann,,bob", "bob", Some("eve"), Some("ann,eve")),
        ];
        for (list, from, to, expected) in table {
            let became = replaced(list.as_bytes(), from.as_bytes(), to.map(str::as_bytes));
            assert_eq!(became.as_deref(), expected.map(str::as_bytes), "{list} {from}");
        }
    }

    proptest! {
        #[test]
        fn what_is_added_and_removed_leaves_the_file_as_it_was(
            lines in proptest::collection::vec("[a-z+-]{0,4}(:[a-z0-9]{0,3}){0,6}", 0..6),
        ) {
            let mut file = lines.join("\n").into_bytes();
            file.push(b'\n');
            let mut table = Table::parse(&file);
            table.add(&fields("NEW:x:1"));
            let at = table.find("NEW", 3).unwrap().unwrap();
            table.remove(at);
            prop_assert_eq!(table.to_bytes(), file);
        }
    }
}
