//! `cargo xtask bench`: how far Lapwing is from what the machine, or a peer that does less, could do.
//!
//! Results are ratios of two things measured in turn in one run, so that they mean the same on any machine; each has a
//! bound. docs/benchmarks.md says what is measured and why that is the fair comparison.

mod computers;
mod directory;
mod domain;
mod dpapi;
mod host;
mod kds;
mod log_on;
mod programs;
mod report;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use self::{
    programs::Programs,
    report::{Report, Row},
};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask bench                                  all of them, one after the other
  cargo xtask bench rotation server-store
  cargo xtask bench idle --minutes 1
  cargo xtask bench server-scale --devices 100000
  cargo xtask bench --smoke                          see that each runs, judge nothing

Exit code 1 if a bound is broken. docs/benchmarks.md has the last results.")]
pub(crate) struct Bench {
    /// The benchmarks to run, all if none is named
    #[arg(value_name = "NAME")]
    names: Vec<Name>,
    /// Run a tiny version with unoptimised programs, and judge no bound
    #[arg(long)]
    smoke: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// How long `idle` watches
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// How many devices wait in `wake-ups`
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    waiting: u32,
    /// How large the large tenant of `server-scale` is
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..))]
    devices: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// A rotation against the sum of its parts
    Rotation,
    /// The agent at rest: wake-ups against deadlines, memory against its limit
    Idle,
    /// The server's stores against a bare database and bare requests
    ServerStore,
    /// The server with a million devices against one with a thousand
    ServerScale,
    /// In Active Directory: a rotation and a cycle with nothing to do against the same by C tools
    Domain,
    /// In Active Directory: a report on 20,000 computers against raw searches, and its memory against a tenth of them
    ReportAd,
    /// The key distribution service: processor time of a question against 300 a second, and its memory
    Kds,
    /// An administrator's click against a local reset and an empty session
    Clicks,
    /// What the PAM module adds to a log-on against a millisecond
    LogOn,
    /// Passwords protected and opened against the same in Python and against the primitives alone
    Dpapi,
    /// Devices that wait to be woken against a bare echo; then the server is killed, and then all are woken
    WakeUps,
}

/// How often each side of `dpapi` has its turn.
const PROTECTION_ROUNDS: u32 = 9;

/// How much of each is done.
struct Size {
    rotations: u32,
    idle_seconds: u64,
    store_rounds: u32,
    stores_each: u32,
    scale_rounds: u32,
    scale_requests: u32,
    devices: u32,
    clicks: u32,
    computers: u32,
    reports: u32,
    protections: u32,
    key_rounds: u32,
    key_questions: u32,
    log_ons: u32,
    waiting: directory::Waiting,
}

impl Size {
    fn of(bench: &Bench) -> Self {
        if bench.smoke {
            return Self {
                rotations: 1,
                idle_seconds: 1,
                store_rounds: 1,
                stores_each: 2,
                scale_rounds: 1,
                scale_requests: 2,
                devices: 2000,
                clicks: 2,
                computers: 200,
                reports: 1,
                protections: 1,
                key_rounds: 1,
                key_questions: 3,
                log_ons: 3,
                waiting: directory::Waiting { devices: 200, heartbeat_ms: 1000, rounds: 2 },
            };
        }
        Self {
            // With the warm-up and the first password, below the stores that the server takes of a device at once.
            rotations: 25,
            idle_seconds: u64::from(bench.minutes) * 60,
            store_rounds: 7,
            stores_each: 100,
            scale_rounds: 7,
            scale_requests: 300,
            devices: bench.devices,
            clicks: 500,
            computers: 20_000,
            reports: 5,
            protections: 50,
            key_rounds: 5,
            key_questions: 500,
            log_ons: 1000,
            waiting: directory::Waiting { devices: bench.waiting, heartbeat_ms: 50_000, rounds: 4 },
        }
    }
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    // Only the lab's hosts need more than the toolchain, but whoever runs one benchmark will run the next.
    if !bench.smoke {
        eprintln!("▸ set-up");
        crate::setup::run()?;
    }
    let programs = Programs::build(bench.smoke)?;
    let size = Size::of(bench);
    let mut report = Report::default();
    for name in
        Name::value_variants().iter().filter(|name| bench.names.is_empty() || bench.names.contains(name))
    {
        let value = name.to_possible_value().context("a benchmark has no name")?;
        let title = value.get_name();
        eprintln!("▸ {title}");
        let rows = match name {
            Name::Rotation => host::rotation(&programs, size.rotations)?,
            Name::Idle => host::idle(&programs, size.idle_seconds)?,
            Name::ServerStore => directory::store(&programs, size.store_rounds, size.stores_each)?,
            Name::ServerScale => {
                directory::scale(&programs, size.devices, size.scale_rounds, size.scale_requests)?
            }
            Name::Domain => domain::rows(&programs, size.rotations)?,
            Name::ReportAd => computers::rows(&programs, size.computers, size.reports)?,
            Name::Kds => kds::rows(&programs, size.key_rounds, size.key_questions)?,
            Name::Clicks => host::clicks(&programs, size.clicks)?,
            Name::LogOn => log_on::rows(&programs, size.log_ons)?,
            Name::Dpapi => dpapi::rows(&programs, PROTECTION_ROUNDS, size.protections)?,
            Name::WakeUps => directory::wake_ups(&programs, &size.waiting)?,
        };
        report.add(title, rows);
    }
    print!("{}", if bench.json { report.to_json()? } else { report.to_table() });
    if report.is_broken() && !bench.smoke {
        bail!(
            "a bound is broken\nnext: docs/benchmarks.md says what each compares, and what was found before"
        );
    }
    Ok(())
}
