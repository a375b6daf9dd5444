//! `cargo xtask soak`: one round of the soak after the other.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use xtask::programs::{self, Build};
use xtask::steps::Steps;
use xtask::{os, soak};

/// How long it goes on if nobody says.
const MINUTES: u32 = 10;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask soak                           about ten minutes, with faults that nobody has seen
  cargo xtask soak --minutes 60              an hour
  cargo xtask soak --seed 7                  the one round of that seed, as a failure says
  cargo xtask soak --seed 7 --minutes 5      that one, and then those of the next seeds

Exit code 1 if something that must be true was not; the seed and what happened last are told.")]
pub(crate) struct Soak {
    /// How long rounds are begun, each of about a minute with a host of its own [default: 10; with --seed one round]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,
    /// The seed of the first round; each of the others has the next number
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(soak: &Soak) -> Result<()> {
    crate::setup::run()?;
    let steps = Steps::begin();
    let programs = steps.run("the programs are built", || programs::build(Build::Plain))?;
    let mut seed = soak.seed.unwrap_or_else(os::seed);
    let begun = os::now();
    let minutes = soak.minutes.unwrap_or(if soak.seed.is_some() { 0 } else { MINUTES });
    let limit = Duration::from_secs(u64::from(minutes) * 60);
    let mut rounds = 0;
    while rounds == 0 || begun.elapsed() < limit {
        eprintln!("▸ seed {seed}");
        let tally = steps.run(&format!("seed {seed}"), || soak::round(&programs, seed))?;
        println!("  {tally}");
        rounds += 1;
        seed = seed.wrapping_add(1);
    }
    println!("\nEvery round held: {rounds}, in {}.", steps.elapsed());
    Ok(())
}
