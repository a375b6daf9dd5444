//! Benchmarks of protecting passwords and of opening them.

use anyhow::Result;
use xtask::{python, sys};

use super::{
    Row,
    programs::{Programs, series, take},
    report::{Bound, Measured},
};

/// What the peer takes at least this many times as long for.
const PEER_MIN: f64 = 8.0;
/// What may be added to the primitives.
const PRIMITIVES_MAX: f64 = 1.3;

/// Passwords protected and opened with a cached key, beside a peer in Python and beside the primitives alone.
pub(super) fn rows(programs: &Programs, rounds: u32, each: u32) -> Result<Vec<Row>> {
    let mut command = sys::command(&programs.dpapi);
    command.args([rounds.to_string(), each.to_string()]).arg(python::interpreter(python::DPAPI_NG)?);
    command.arg(sys::workspace().join("benches/dpapi/peer.py"));
    let mut found = series(&mut command, b"")?;
    let mut take = |name| take(&mut found, name);
    let (protect, unprotect) = (take("protect")?, take("unprotect")?);
    let peer = |series| Measured::of("the same by dpapi-ng in Python", "ms", series);
    let protecting = || Measured::of("a password protected", "ms", protect.clone());
    let opening = || Measured::of("a password opened", "ms", unprotect.clone());
    let primitives = |parts| Measured::of("its primitives alone", "ms", parts);
    Ok(vec![
        Row::new(protecting(), peer(take("protect_peer")?), Bound::AtMost(1.0 / PEER_MIN), Vec::new()),
        Row::new(protecting(), primitives(take("protect_parts")?), Bound::AtMost(PRIMITIVES_MAX), Vec::new()),
        Row::new(opening(), peer(take("unprotect_peer")?), Bound::AtMost(1.0 / PEER_MIN), Vec::new()),
        Row::new(opening(), primitives(take("unprotect_parts")?), Bound::AtMost(PRIMITIVES_MAX), Vec::new()),
    ])
}
