//! What the PAM module adds to a log-on.

use anyhow::Result;
use xtask::{programs::MODULE, transactions};

use super::{
    Row,
    programs::Programs,
    report::{Bound, Measured},
};

/// What it may add, in milliseconds.
const ADDED_MAX_MS: f64 = 1.0;

/// Transactions of one process, with the module and without in turn.
pub(super) fn rows(programs: &Programs, count: u32) -> Result<Vec<Row>> {
    let folder = programs.folder.join("log-on");
    let times = transactions::run(&programs.shipped.join(MODULE.0), &folder, &[], count, false)?;
    let series = |of: fn(&transactions::Times) -> f64| times.iter().map(of).collect();
    let limit = Measured::of("what it may add", "ms", vec![ADDED_MAX_MS]);
    let beside = vec![
        Measured::of("a log-on with it", "ms", series(|times| times.with)),
        Measured::of("one without", "ms", series(|times| times.without)),
    ];
    let added = Measured::of(
        "what the PAM module adds to a log-on",
        "ms",
        series(|times| times.with - times.without),
    );
    Ok(vec![Row::new(added, limit, Bound::AtMost(1.0), beside)])
}
