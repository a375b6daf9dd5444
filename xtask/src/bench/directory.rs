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

/// Devices that wait to be woken.
pub(super) struct Waiting {
    pub(super) devices: u32,
    /// From one heartbeat to the next.
    pub(super) heartbeat_ms: u32,
    /// How many heartbeats are measured.
    pub(super) rounds: u32,
}

/// What they cost at rest, how soon they are back, and all of them woken on one day.
pub(super) fn wake_ups(programs: &Programs, waiting: &Waiting) -> Result<Vec<Row>> {
    let Waiting { devices, heartbeat_ms, rounds } = waiting;
    let mut command = sys::command(&programs.directory);
    command.arg("wake").args([&programs.shipped, &programs.folder, &programs.fleet]);
    command.args([devices.to_string(), heartbeat_ms.to_string(), rounds.to_string()]);
    let mut found = series(&mut command, b"")?;
    let constant = |what: &str, unit, value| Measured::of(what, unit, vec![value]);
    Ok(vec![
        Row::new(
            Measured::of(
                format!("memory of each of {devices} connections"),
                "KiB",
                take(&mut found, "resident")?,
            ),
            constant("20 KiB", "KiB", 20.0),
            Bound::AtMost(1.0),
            vec![Measured::of("in a bare echo", "KiB", take(&mut found, "echo_resident")?)],
        ),
        Row::new(
            Measured::of("processor time, one heartbeat of each", "ms", take(&mut found, "cpu")?),
            Measured::of("a bare echo's", "ms", take(&mut found, "echo_cpu")?),
            Bound::AtMost(1.5),
            Vec::new(),
        ),
        Row::new(
            Measured::of("all back after the server was killed", "s", take(&mut found, "back")?),
            constant("a minute", "s", 60.0),
            Bound::AtMost(1.0),
            Vec::new(),
        ),
        Row::new(
            Measured::of("rotated a second, when all are woken", "1/s", take(&mut found, "done_per_second")?),
            constant("the pace of the wake-ups", "1/s", 100.0),
            Bound::AtLeast(0.9),
            vec![
                Measured::of("of one device, from wake-up to told", "ms", take(&mut found, "visit")?),
                Measured::of("the server's processor time for each", "ms", take(&mut found, "mass_cpu")?),
            ],
        ),
    ])
}
