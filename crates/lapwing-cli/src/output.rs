//! What users see. Data goes to standard output, remarks and failures to standard error.
//!
//! INVARIANT: text of a peer reaches a terminal only through [`shown`], so that it cannot steer it.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::failure::{Code, Failure};

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes data, with a line feed after it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Code::Failed, error, "check where the output goes")),
        Ok(()) => Ok(()),
    }
}

/// Writes data as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Failed, error, "report this: it is a defect"))?;
    print(&Zeroizing::new(text))
}

/// Writes a remark or failure for people; if even that fails there is nobody to tell.
pub(crate) fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Replaces the line of a terminal on which the last such text stands; nothing clears it.
pub(crate) fn complain_in_place(text: &str) {
    let mut err = io::stderr().lock();
    drop(write!(err, "\r\u{1b}[K{text}").and_then(|()| err.flush()));
}

/// Text as it may be shown: control characters, which could steer a terminal, are written out.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let written_out = c.is_control().then(|| c.escape_default());
            let as_it_is = written_out.is_none().then_some(c);
            written_out.into_iter().flatten().chain(as_it_is)
        })
        .collect()
}

/// A table for people: columns as wide as their widest cell, two blanks between them.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|name| (*name).to_owned()).collect()] }
    }

    /// One without names of columns.
    pub(crate) const fn headless() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    pub(crate) fn print(&self) -> Result<(), Failure> {
        print(&self.render())
    }

    fn render(&self) -> Zeroizing<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
        };
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let padding: usize = widths.iter().map(|width| width + 2).sum();
        let cells: usize = self.rows.iter().flatten().map(String::len).sum();
        // All of it at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(cells + self.rows.len() * (padding + 1)));
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            push_line(&mut text, row, &widths);
        }
        text
    }
}

/// Nothing is behind the last cell that is not empty; blanks that it ends with itself may be a password's.
fn push_line(text: &mut String, row: &[String], widths: &[usize]) {
    let filled = row.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
    for (at, (cell, width)) in row.iter().zip(widths).take(filled).enumerate() {
        text.push_str(cell);
        if at + 1 < filled {
            text.extend(core::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
    }
}

impl Drop for Table {
    /// A cell may hold a password.
    fn drop(&mut self) {
        self.rows.iter_mut().flatten().for_each(zeroize::Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let mut table = Table::new(&["Name", "Value"]);
        table.row(["a", ""]);
        table.row(["longer", "ü"]);
        assert_eq!(*table.render(), "Name    Value\na\nlonger  ü");
        let mut pairs = Table::headless();
        pairs.row(["Password", "ends with a blank "]);
        pairs.row([""]);
        assert_eq!(*pairs.render(), "Password  ends with a blank \n");
    }

    #[test]
    fn what_a_peer_named_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n\u{9b}ü'"), "a\\u{1b}[2Jb\\n\\u{9b}ü'");
    }
}
