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

/// Runs Lapwing's agents in simulated worlds: without a command, those of many seeds
///
/// Every seed stands for one world: a directory of some kind, a few hosts, weeks of faults. The invariants of
/// ARCHITECTURE.md are checked after every event. What breaks one is printed with the command that shows it again, and made smaller.
#[derive(Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim", after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    explore: Explore,
}

const EXAMPLES: &str = "Examples:
  cargo xtask sim --seeds 2000           what the tests run
  cargo xtask sim --hours 8              as many worlds as fit
  cargo xtask sim --mutants              plant each deliberate bug and find it
  cargo xtask sim replay 482 --trace 0   one world again, with everything that happens to its first host";

#[derive(Args)]
struct Explore {
    /// How many worlds
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run for so many hours instead, whatever number of worlds that comes to
    #[arg(long, conflicts_with = "seeds")]
    hours: Option<f64>,
    /// Plant each deliberate bug, and look for the first seed that shows it
    #[arg(long)]
    mutants: bool,
    /// With --mutants: only this bug
    #[arg(long, value_parser = bug, requires = "mutants")]
    bug: Option<Bug>,
    /// Run what is on record: each bug's seed, and every seed that ever failed
    #[arg(long, conflicts_with_all = ["mutants", "hours"])]
    recorded: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run one world again, and make it as small as it still shows the same
    Replay(Replay),
    /// Run a fleet in which nothing goes wrong, to measure
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
    let Cli { command, explore: asked } = Cli::parse();
    match command {
        Some(Command::Replay(replay)) => replay_one(&replay),
        Some(Command::Quiet { hosts, days, kind }) => quiet(hosts, days, kind),
        None if asked.mutants => mutants(asked.bug, asked.seeds),
        None if asked.recorded => recorded(),
        None => explore(asked.first, asked.seeds, asked.hours),
    }
}

/// Seeds on record: a bug, or `none`, and the seed that shows it. The scenarios of a seed change with the generator, so this
/// is made anew with it: `cargo xtask sim --mutants`.
const RECORDED: &str = include_str!("../recorded.txt");

fn recorded() -> ExitCode {
    let (mut bugs, mut seeds, mut wrong) = (0, 0, 0);
    for line in RECORDED.lines() {
        let (name, seed) = line.split_once(' ').expect("a bug and a seed");
        let seed = seed.parse().expect("a seed");
        let bug = (name != "none").then(|| bug(name).expect("a bug"));
        let outcome = run(&Scenario { bug, ..Scenario::of_seed(seed) });
        let is_right = match (bug, &outcome) {
            (None, Ok(_)) => true,
            (Some(bug), Err(violation)) => violation.invariant == bug.breaks(),
            (None, Err(_)) | (Some(_), Ok(_)) => false,
        };
        if bug.is_some() {
            bugs += 1
        } else {
            seeds += 1
        }
        if !is_right {
            wrong += 1;
            match outcome {
                Ok(_) => {
                    println!("{name} is not found by seed {seed} any more: run `cargo xtask sim --mutants`")
                }
                Err(violation) => println!("{violation}"),
            }
        }
    }
    println!("{bugs} bugs found by their seeds, {seeds} seeds that once failed held; {wrong} did not");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

/// A fleet in which nothing goes wrong.
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
    println!("actions             {}", stats.actions);
    println!("sessions            {}", stats.sessions);
    println!("crashes in verbs    {}", stats.crashes_in_verbs);
    println!("writes lost         {}", stats.writes_lost);
    let faults: BTreeMap<_, _> = stats.faults.iter().map(|(fault, count)| (fault.name(), count)).collect();
    for (fault, count) in faults {
        println!("  {fault:17} {count}");
    }
    println!("time                {:.1} s, {:.1} s of CPU", real.as_secs_f64(), processor.as_secs_f64());
    if let Some(kib) = peak_memory() {
        println!("memory at most      {} MiB", kib / 1024);
    }
}

/// The most memory that this process has had, in KiB. proc(5), `VmHWM`.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
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
