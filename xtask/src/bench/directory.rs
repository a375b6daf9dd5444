//! Benchmarks of the server, beside which nothing else is needed.

use anyhow::Result;
use xtask::sys;

use super::{
    Row,
    programs::{Programs, series, take},
    report::{Bound, Measured},
};

/// Stores over kept connections.
pub(super) fn store(programs: &Programs, rounds: u32, stores_each: u32) -> Result<Vec<Row>> {
    let mut command = sys::command(&programs.directory);
    command.arg("store").args([&programs.shipped, &programs.folder]);
    command.args([rounds.to_string(), stores_each.to_string()]);
    let mut found = series(&mut command, b"")?;
    let stores = take(&mut found, "stores")?;
    let (rows, checks) = (take(&mut found, "bare_rows")?, take(&mut found, "token_checks")?);
    let smaller = rows.iter().zip(&checks).map(|(rows, checks)| rows.min(*checks)).collect();
    Ok(vec![Row::new(
        Measured::of("stores over 64 kept TLS connections", "1/s", stores),
        Measured::of("the smaller of the next two", "1/s", smaller),
        Bound::AtLeast(0.7),
        vec![
            Measured::of("the same rows in a bare loop", "1/s", rows),
            Measured::of("the same requests, token checked", "1/s", checks),
            Measured::of("changes of one commit", "", take(&mut found, "batch")?),
        ],
    )])
}

/// A large tenant beside a small one.
pub(super) fn scale(programs: &Programs, devices: u32, rounds: u32, requests: u32) -> Result<Vec<Row>> {
    let mut command = sys::command(&programs.directory);
    command.arg("scale").args([&programs.shipped, &programs.folder]);
    command.args([rounds.to_string(), requests.to_string(), devices.to_string()]);
    let mut found = series(&mut command, b"")?;
    let mut row = |kind: &str, what: &str| -> Result<Row> {
        let large = take(&mut found, &format!("{kind}_large"))?;
        let small = take(&mut found, &format!("{kind}_small"))?;
        Ok(Row::new(
            Measured::of(format!("p99, {what}, {devices} devices"), "ms", large),
            Measured::of("1000 devices", "ms", small),
            Bound::AtMost(1.5),
            Vec::new(),
        ))
    };
    Ok(vec![row("get", "read credentials")?, row("list", "list a page")?, row("store", "store")?])
}
