//! A report as a table, as CSV or as JSON, row by row.

use std::io::{self, Write as _};

use clap::ValueEnum;

use super::Row;
use crate::{
    failure::{Code, Failure},
    output,
};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// For spreadsheets: RFC 4180
    Csv,
    /// One JSON object per line
    Json,
}

const HEAD: [&str; 10] = [
    "ComputerName",
    "DNSHostName",
    "DistinguishedName",
    "Enabled",
    "Mode",
    "ExpirationTimestamp",
    "PasswordUpdateTime",
    "Findings",
    "Readers",
    "Decryptors",
];
/// Those of a table: names that are told twice are left out. The last one is there if it was asked for.
const TABLE: [usize; 8] = [0, 3, 4, 5, 6, 7, 8, 9];

pub(super) struct Writer {
    format: Format,
    /// As wide as the cells of the first rows; a wider one later shifts its own line alone.
    widths: Option<Vec<usize>>,
    /// The columns of a table.
    columns: usize,
    is_begun: bool,
}

impl Writer {
    pub(super) const fn new(format: Format, with_decryptors: bool) -> Self {
        let columns = if with_decryptors { TABLE.len() } else { TABLE.len() - 1 };
        Self { format, widths: None, columns, is_begun: false }
    }

    /// Writes rows, and the head before the first; false if nobody reads any more.
    pub(super) fn write(&mut self, rows: &[Row]) -> Result<bool, Failure> {
        put(&self.render(rows)?)
    }

    pub(super) fn render(&mut self, rows: &[Row]) -> Result<String, Failure> {
        let is_first = !core::mem::replace(&mut self.is_begun, true);
        let head = is_first.then(|| HEAD.map(str::to_owned));
        Ok(match self.format {
            Format::Json => {
                let lines: Result<Vec<String>, _> = rows.iter().map(json_line).collect();
                lines
                    .map_err(|error| Failure::new(Code::Failed, error, "report this: it is a defect"))?
                    .concat()
            }
            Format::Csv => {
                head.iter().chain(&rows.iter().map(cells).collect::<Vec<_>>()).map(csv_line).collect()
            }
            Format::Table => self.table(head, rows),
        })
    }

    fn table(&mut self, head: Option<[String; HEAD.len()]>, rows: &[Row]) -> String {
        let lines = head.into_iter().chain(rows.iter().map(cells));
        let shown = |at: &usize, cells: &[String; HEAD.len()]| {
            cells.get(*at).map(|cell| output::shown(cell)).unwrap_or_default()
        };
        let lines: Vec<Vec<String>> = lines
            .map(|cells| TABLE.iter().take(self.columns).map(|at| shown(at, &cells)).collect())
            .collect();
        let widths = self.widths.get_or_insert_with(|| {
            let cells = |column: usize| lines.iter().filter_map(move |line: &Vec<String>| line.get(column));
            let width = |column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or_default();
            (0..self.columns).map(width).collect()
        });
        let pad = |line: &Vec<String>| {
            let cells = line.iter().zip(widths.iter()).map(|(cell, width)| format!("{cell:width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        lines.iter().map(pad).collect()
    }
}

fn json_line(row: &Row) -> serde_json::Result<String> {
    Ok(serde_json::to_string(row)? + "\n")
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let findings: Vec<_> = row.findings.iter().map(|finding| finding.name()).collect();
    [
        row.computer_name.clone(),
        row.dns_host_name.clone().unwrap_or_default(),
        row.distinguished_name.clone(),
        if row.enabled { "yes" } else { "no" }.to_owned(),
        row.mode.to_owned(),
        row.expiration_timestamp.as_deref().map(to_the_second).unwrap_or_default(),
        row.password_update_time.as_deref().map(to_the_second).unwrap_or_default(),
        findings.join("; "),
        row.readers.as_ref().map_or_else(|| "not to be seen".to_owned(), |readers| readers.join("; ")),
        row.decryptors.as_ref().map(|decryptors| decryptors.join("; ")).unwrap_or_default(),
    ]
}

/// A time without its fraction, which nobody needs here.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

/// RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe: names come from whoever may
/// name a computer.
fn csv_line(cells: &[String; HEAD.len()]) -> String {
    let cell = |text: &String| {
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        let guarded = if is_formula { format!("'{text}") } else { text.clone() };
        let is_quoted = guarded.contains([',', '"', '\r', '\n']);
        if is_quoted { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
    };
    let cells: Vec<String> = cells.iter().map(cell).collect();
    cells.join(",") + "\r\n"
}

fn put(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Code::Failed, error, "check where the output goes")),
        Ok(()) => Ok(true),
    }
}
