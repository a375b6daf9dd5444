//! Runs worlds: many seeds, one again, or one for each deliberate bug. `cargo xtask sim` builds and starts it.

use core::{num::NonZeroUsize, time::Duration};
use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use clap::{Args, Parser, Subcommand};
use lapwing_sim::{Bug, Fault, Kind, Scenario, Stats, Violation, run, shrink};

/// Runs Lapwing's agents in simulated worlds
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the worlds of many seeds under the default faults
    Explore {
        /// How many
        #[arg(long, default_value_t = 2000)]
        seeds: u64,
        /// The first of them
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// For this many hours instead, whatever the number comes to
        #[arg(long)]
        hours: Option<f64>,
    },
    /// Runs one world again, and makes it as small as it still shows the same
    Replay(Replay),
    /// Plants each deliberate bug and looks for the first seed that shows it
    Mutants {
        /// Only this one
        #[arg(long, value_parser = bug)]
        bug: Option<Bug>,
        /// How many seeds may be tried
        #[arg(long, default_value_t = 2000)]
        seeds: u64,
    },
    /// Runs a fleet in which nothing goes wrong, to measure
    Quiet {
        /// How many hosts
        #[arg(long, default_value_t = 1000)]
        hosts: usize,
        /// For how long
        #[arg(long, default_value_t = 365)]
        days: u64,
        /// The directory
        #[arg(long, value_parser = kind, default_value = "ours")]
        kind: Kind,
    },
}

#[derive(Args)]
struct Replay {
    seed: u64,
    /// Another directory than the seed's
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Another number of hosts
    #[arg(long)]
    hosts: Option<usize>,
    /// Faults end after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// A fault that does not happen
    #[arg(long, value_parser = fault)]
    without: Vec<Fault>,
    /// A fault that happens, though the seed leaves it out
    #[arg(long, value_parser = fault)]
    with: Vec<Fault>,
    /// A deliberate bug
    #[arg(long, value_parser = bug)]
    bug: Option<Bug>,
    /// Do not look for a smaller world
    #[arg(long)]
    as_is: bool,
    /// Print what happens to this host, on standard error
    #[arg(long)]
    trace: Option<usize>,
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let names = || all.iter().map(|item| name(*item)).collect::<Vec<_>>().join(", ");
    all.iter().copied().find(|item| name(*item) == text).ok_or_else(|| format!("one of {}", names()))
}

fn kind(text: &str) -> Result<Kind, String> {
    named(&Kind::ALL, Kind::name, text)
}

fn fault(text: &str) -> Result<Fault, String> {
    named(&Fault::ALL, Fault::name, text)
}

fn bug(text: &str) -> Result<Bug, String> {
    named(&Bug::ALL, Bug::name, text)
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Explore { seeds, first, hours } => explore(first, seeds, hours),
        Command::Replay(replay) => replay_one(&replay),
        Command::Mutants { bug, seeds } => mutants(bug, seeds),
        Command::Quiet { hosts, days, kind } => quiet(hosts, days, kind),
    }
}

fn explore(first: u64, seeds: u64, hours: Option<f64>) -> ExitCode {
    let clock = Clock::start();
    let until = hours.map(|hours| Duration::from_secs_f64(hours * 3600.0));
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let found: Mutex<(Stats, Vec<Violation>)> = Mutex::default();
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_over = until.map_or(seed >= first + seeds, |until| clock.elapsed() > until);
            if is_over {
                return;
            }
            let outcome = run(&Scenario::of_seed(seed));
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(stats) => found.0.add(&stats),
                Err(violation) => {
                    found.1.push(*violation);
                    failed.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            scope.spawn(worker);
        }
    });
    let (stats, violations) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    print_stats(&stats, &clock);
    match violations.into_iter().min_by_key(|violation| violation.scenario.seed) {
        None => {
            println!("no violation");
            ExitCode::SUCCESS
        }
        Some(violation) => {
            report(violation);
            ExitCode::FAILURE
        }
    }
}

fn replay_one(replay: &Replay) -> ExitCode {
    let mut scenario = Scenario::of_seed(replay.seed);
    scenario.kind = replay.kind.unwrap_or(scenario.kind);
    scenario.hosts = replay.hosts.unwrap_or(scenario.hosts);
    scenario.span = replay.seconds.map_or(scenario.span, Duration::from_secs);
    scenario.faults.extend(&replay.with);
    scenario.faults.retain(|fault| !replay.without.contains(fault));
    scenario.bug = replay.bug;
    scenario.trace = replay.trace;
    let clock = Clock::start();
    match run(&scenario) {
        Ok(stats) => {
            print_stats(&stats, &clock);
            println!("no violation");
            ExitCode::SUCCESS
        }
        Err(violation) if replay.as_is || replay.trace.is_some() => {
            println!("{violation}");
            ExitCode::FAILURE
        }
        Err(violation) => {
            report(*violation);
            ExitCode::FAILURE
        }
    }
}

fn report(violation: Violation) {
    println!("{violation}\nlooking for a smaller world that shows the same …");
    println!("{}", shrink(violation));
}

/// Each bug breaks the invariant it is there for; another one broken earlier is no proof of that.
fn mutants(only: Option<Bug>, seeds: u64) -> ExitCode {
    let mut all_found = true;
    for bug in Bug::ALL.into_iter().filter(|bug| only.is_none_or(|only| only == *bug)) {
        let found = (0..seeds).find_map(|seed| {
            let scenario = Scenario { bug: Some(bug), ..Scenario::of_seed(seed) };
            run(&scenario).err().filter(|violation| violation.invariant == bug.breaks())
        });
        match found {
            Some(violation) => println!(
                "{:28} seed {:5}  invariant {}: {}",
                bug.name(),
                violation.scenario.seed,
                violation.invariant,
                violation.what
            ),
            None => {
                println!("{:28} NOT FOUND in {seeds} seeds", bug.name());
                all_found = false;
            }
        }
    }
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn quiet(hosts: usize, days: u64, kind: Kind) -> ExitCode {
    let clock = Clock::start();
    let scenario = Scenario::quiet(1, kind, hosts, Duration::from_secs(days * 86_400));
    match run(&scenario) {
        Ok(stats) => {
            print_stats(&stats, &clock);
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

fn print_stats(stats: &Stats, clock: &Clock) {
    let (real, processor) = (clock.elapsed(), clock.processor_time());
    println!("worlds              {}", stats.worlds);
    println!("device-years        {:.1}", stats.device_years());
    println!("  per CPU-minute    {:.0}", stats.device_years() / (processor.as_secs_f64() / 60.0));
    println!("cycles              {}", stats.cycles);
    println!("sends               {} ({} without an answer)", stats.sends, stats.unanswered);
    println!("rotations           {}", stats.rotations);
    println!("crashes in verbs    {}", stats.crashes_in_verbs);
    println!("writes lost         {}", stats.writes_lost);
    let faults: BTreeMap<_, _> = stats.faults.iter().map(|(fault, count)| (fault.name(), count)).collect();
    for (fault, count) in faults {
        println!("  {fault:17} {count}");
    }
    println!("time                {:.1} s, {:.1} s of CPU", real.as_secs_f64(), processor.as_secs_f64());
}

/// The real time that a run takes, which no world knows of.
struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "only the speed of the simulator itself is measured")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn processor_time(&self) -> Duration {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0))
    }
}
