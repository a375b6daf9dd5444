//! A soak: a host that rotates about every second while its programs are killed, its cable is cut and its power fails, as
//! a seed says; after each such storm it is left alone, and what must be true is checked.

mod check;
mod plan;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use self::check::Before;
use self::plan::{Deed, plan};
use crate::lab::Lab;
use crate::os;
use crate::scene::Scene;

/// How many storms a round has. More could spend the host's budget of changes, and a seed that fails is to be repeated soon.
const STORMS: usize = 3;
/// How long one lasts, by its plan.
const STORM: Duration = Duration::from_secs(9);
/// How many of the last deeds a failure tells.
const LAST_DEEDS: usize = 20;

/// Asks for a rotation and prints each answer to it as a line.
const ASK: &str = include_str!("ask.pl");
/// Waits for a process of the root half, lets it go on for so many milliseconds, and kills it.
const KILL_ROOT_HALF: &str = include_str!("kill_root_half.pl");

/// What happened in a round.
#[derive(Debug, Default)]
pub struct Tally {
    asked: usize,
    rotated: usize,
    agents: usize,
    root_halves: usize,
    servers: usize,
    cuts: usize,
    power_cuts: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, rotated, agents, root_halves, servers, cuts, power_cuts } = self;
        write!(
            f,
            "{asked} asked, {rotated} told of a rotation; killed: lapwingd {agents}, lapwingd-priv {root_halves}, \
             lapwing-server {servers}; cable cut {cuts}, power {power_cuts}"
        )
    }
}

/// Boots a host, lets the faults of `seed` happen to it, and checks what must be true afterwards. Takes about a minute,
/// and tells its progress on standard error.
///
/// # Errors
/// What was not true, the seed, and what happened last.
pub fn round(programs: &Path, seed: u64) -> Result<Tally> {
    let mut round = Round::begin(programs)?;
    let done = round.run(seed);
    done.map_err(|error| error.context(round.last_words(seed)))?;
    Ok(round.tally)
}

struct Round {
    scene: Scene,
    before: Before,
    asked: Vec<Child>,
    tally: Tally,
    begun: Instant,
    deeds: Vec<String>,
}

/// What a Varlink call is answered with, as far as we look.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    result: String,
}

impl Round {
    fn begin(programs: &Path) -> Result<Self> {
        let mut scene = Scene::settled(Lab::new()?, programs)?;
        lift_limits(&mut scene)?;
        let before = Before::of(&scene)?;
        Ok(Self {
            scene,
            before,
            asked: Vec::new(),
            tally: Tally::default(),
            begun: os::now(),
            deeds: Vec::new(),
        })
    }

    fn run(&mut self, seed: u64) -> Result<()> {
        for storm in plan(seed, STORMS, STORM) {
            for step in storm {
                os::pause(step.pause);
                self.perform(step.deed).with_context(|| format!("cannot do this: {:?}", step.deed))?;
            }
            let asked = std::mem::take(&mut self.asked);
            asked.into_iter().try_for_each(|child| self.heard(child))?;
            self.tell("left alone");
            check::settles(&self.scene)?;
            self.before.still_holds(&self.scene)?;
            check::opens_with_the_newest_alone(&self.scene)?;
            self.tell("the directory's password opens the host");
        }
        ensure!(self.tally.rotated > 0, "no rotation came about in any storm, so nothing was tried");
        self.scene.administrator(&["server", "audit", "verify"])?;
        check::rotations_leave_nothing_behind(&self.scene, || {
            let child = self.scene.host.command("perl").args(["-e", ASK]).stdout(Stdio::piped()).spawn()?;
            let answers = answers(child)?;
            ensure!(answers == ["rotated"], "a rotation that nothing hindered was answered by {answers:?}");
            Ok(())
        })?;
        self.before.is_outgrown_by_little(&self.scene)
    }

    fn tell(&mut self, what: &str) {
        let line = format!("{:6.2} s  {what}", self.begun.elapsed().as_secs_f64());
        eprintln!("  {line}; {}", self.tally);
        self.deeds.push(line);
    }

    fn perform(&mut self, deed: Deed) -> Result<()> {
        let scene = &mut self.scene;
        let tally = &mut self.tally;
        let mut hit = true;
        match deed {
            Deed::Ask => self.ask()?,
            Deed::KillAgent => {
                hit = scene.kill_agent()?;
                tally.agents += usize::from(hit);
            }
            Deed::KillRootHalf { age_ms } => {
                self.ask()?;
                let age = age_ms.to_string();
                let mut hunt = self.scene.host.command("perl");
                let output = hunt.args(["-e", KILL_ROOT_HALF, &age]).output()?;
                hit = output.status.success();
                ensure!(hit || output.status.code() == Some(1), "{output:?}");
                self.tally.root_halves += usize::from(hit);
            }
            Deed::KillServer => {
                scene.kill_server()?;
                tally.servers += 1;
            }
            Deed::StartServer => scene.start_server(None)?,
            Deed::Cut => {
                scene.host.cut_link()?;
                tally.cuts += 1;
            }
            Deed::Plug => scene.host.restore_link()?,
            Deed::PowerCycle => {
                scene.host.power_cycle()?;
                tally.power_cuts += 1;
            }
        }
        let missed = if hit { "" } else { ", and nobody was there" };
        self.deeds.push(format!("{:6.2} s  {deed:?}{missed}", self.begun.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Asks for a rotation; the answer is looked at in the end.
    fn ask(&mut self) -> Result<()> {
        let mut command = self.scene.host.command("perl");
        self.asked.push(command.args(["-e", ASK]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        self.tally.asked += 1;
        Ok(())
    }

    /// Counts what a request was answered with: once, or not at all where a program died.
    fn heard(&mut self, child: Child) -> Result<()> {
        let answers = answers(child)?;
        ensure!(answers.len() <= 1, "one request got several answers: {answers:?}");
        self.tally.rotated += answers.iter().filter(|result| *result == "rotated").count();
        Ok(())
    }

    /// What helps whoever looks for the cause of a failure.
    fn last_words(&self, seed: u64) -> String {
        let deeds = self.deeds[self.deeds.len().saturating_sub(LAST_DEEDS)..].join("\n");
        let host = |line: &[&str]| self.scene.host.run(line).unwrap_or_else(|error| format!("{error:#}\n"));
        let status = host(&["lapwing", "status"]);
        let journal = host(&[
            "journalctl",
            "--quiet",
            "--lines=60",
            "--output=short-precise",
            "-t",
            "lapwingd",
            "-t",
            "lapwingd-priv",
        ]);
        let server = fs::read_to_string(self.scene.server_log()).unwrap_or_else(|error| error.to_string());
        let server: Vec<_> = server.lines().rev().take(LAST_DEEDS).collect();
        let server: Vec<_> = server.into_iter().rev().collect();
        format!(
            "the soak of seed {seed} failed\nwhat happened last ({}):\n{deeds}\n\nstatus:\n{status}\njournal:\n{journal}\n\
             lapwing-server:\n{}\nnext: repeat it with `cargo xtask soak --seed {seed}`",
            self.tally,
            server.join("\n"),
        )
    }
}

/// Lets the device store as often as it likes; the limits have tests of their own.
fn lift_limits(scene: &mut Scene) -> Result<()> {
    let file = scene.data().join("server.toml");
    let text = fs::read_to_string(&file)?;
    let lifted: String = text
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some((limit @ ("device_burst" | "device_per_hour"), _)) => format!("{limit} = 100000\n"),
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    ensure!(lifted != text, "server.toml names no limits");
    scene.kill_server()?;
    fs::write(&file, lifted)?;
    scene.start_server(None)
}

/// The results that one request was answered with; one whose process was killed was not answered.
fn answers(child: Child) -> Result<Vec<String>> {
    let printed = child.wait_with_output()?.stdout;
    let replies = std::str::from_utf8(&printed)?.lines();
    replies
        .map(|reply| {
            let reply: Reply = serde_json::from_str(reply).with_context(|| format!("no reply: {reply}"))?;
            Ok(reply.parameters.outcome.map_or_else(|| "an error".to_owned(), |outcome| outcome.result))
        })
        .collect()
}
