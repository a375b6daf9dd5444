//! Thousands of devices that wait to be woken: what they cost at rest, beside a bare echo; how soon they are back after
//! the server was killed; and all of them woken on one day.
//!
//! The devices are a process of their own (`benches/fleet`), and so are those that are connected to the echo.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{ChildStdin, ChildStdout, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    client::{self, Connection},
    os,
    server::{Ended, Server, announced},
    words::{Member, Roster, State},
};

/// Devices that are woken a minute on that day: the most that the server takes on.
const PER_MINUTE: u32 = 6000;
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(200);
/// How long all may take to connect for the first time, to be back, and to be done after the last was woken.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much of it is done.
pub(crate) struct Size {
    pub(crate) devices: u32,
    /// From one heartbeat to the next.
    pub(crate) heartbeat: Duration,
    /// How many heartbeats of each device are measured.
    pub(crate) rounds: u32,
}

/// The devices' process.
struct Fleet {
    _process: Ended,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What the kernel says of a process.
struct Usage {
    resident_kib: f64,
    cpu_ms: f64,
}

/// A process that devices are connected to.
struct Side {
    /// What its series begin with.
    name: &'static str,
    process: u32,
    /// Before anybody was connected.
    alone: Usage,
    fleet: Fleet,
}

type Series = BTreeMap<String, Vec<f64>>;

pub(crate) async fn run(programs: &Path, folder: &Path, fleet: &Path, size: &Size) -> Result<Series> {
    let (devices, public_key) = Fleet::start(fleet)?;
    let (others, other_key) = Fleet::start(fleet)?;
    let mut server =
        Server::start_with_key(programs, &folder.join("waiting"), size.devices, Some(&public_key)).await?;
    let mut child = os::command(&std::env::current_exe()?);
    child.arg("echo").arg(&server.folder).arg(&server.url);
    let (echo, line) = announced(&mut child)?;
    let mut series = Series::new();
    let mut sides = [Side::new("", server.process_id(), devices)?, Side::new("echo_", echo.id(), others)?];
    let echo = format!("https://{}/", line.trim());
    for (side, key, echo) in [(0, &public_key, None), (1, &other_key, Some(echo))] {
        sides[side].fleet.send(&roster(&server, echo, key, size).await?)?;
        sides[side]
            .fleet
            .wait_until("all devices are connected", |state| state.connected == size.devices)
            .await?;
    }
    eprintln!("  {} devices are connected", size.devices);
    rest(&mut sides, size, &mut series).await?;
    // The others have done their part, and their work would be taken for the server's.
    let [Side { mut fleet, .. }, others] = sides;
    drop(others);
    restart(&mut fleet, &mut server, size.devices, &mut series).await?;
    wake_all(&mut fleet, &server, size.devices, &mut series).await?;
    Ok(series)
}

/// Everything that the fleet needs to be the devices of `server`.
async fn roster(server: &Server, echo: Option<String>, public_key: &[u8], size: &Size) -> Result<Roster> {
    let mut devices = Vec::new();
    for number in 0..size.devices {
        let device = server.tenant.device(number).await?;
        devices.push(Member {
            device: device.id.to_string(),
            certificate: server.tenant.certificate(number, public_key)?,
            held: device.held.to_string(),
        });
    }
    Ok(Roster {
        server: server.url.clone(),
        tenant: server.tenant.tenant().to_string(),
        authority: server.tenant.authority().to_vec(),
        seal_key: server.tenant.seal_key(),
        echo,
        heartbeat: u64::try_from(size.heartbeat.as_millis())?,
        devices,
    })
}

/// Memory and processor time of connections that say nothing but heartbeats, of the server and of the echo at once.
async fn rest(sides: &mut [Side; 2], size: &Size, series: &mut Series) -> Result<()> {
    // What connecting cost is not what waiting costs: by then each has said that it is there at least once.
    watch(sides, size).await?;
    let mut before = usages(sides)?;
    for (side, now) in sides.iter().zip(&before) {
        let each = (now.resident_kib - side.alone.resident_kib) / f64::from(size.devices);
        series.entry(format!("{}resident", side.name)).or_default().push(each);
    }
    for round in 1..=size.rounds {
        eprintln!("  heartbeats: round {round} of {}", size.rounds);
        watch(sides, size).await?;
        let after = usages(sides)?;
        for (side, (after, before)) in sides.iter().zip(after.iter().zip(&before)) {
            let time = after.cpu_ms - before.cpu_ms;
            series.entry(format!("{}cpu", side.name)).or_default().push(time);
        }
        before = after;
    }
    Ok(())
}

/// Lets one heartbeat's time pass, in which no connection may be lost.
async fn watch(sides: &mut [Side; 2], size: &Size) -> Result<()> {
    tokio::time::sleep(size.heartbeat).await;
    for side in sides {
        let State { connected, idle_visits, failures, .. } = side.fleet.state()?;
        ensure!(
            (connected, idle_visits) == (size.devices, 0) && failures.is_empty(),
            "of {} devices {connected} are connected, {idle_visits} were woken for nothing: {failures:?}",
            size.devices
        );
    }
    Ok(())
}

fn usages(sides: &[Side; 2]) -> Result<[Usage; 2]> {
    let [one, other] = sides;
    Ok([Usage::of(one.process)?, Usage::of(other.process)?])
}

/// The server is killed and started again; seconds until all are connected.
async fn restart(fleet: &mut Fleet, server: &mut Server, devices: u32, series: &mut Series) -> Result<()> {
    eprintln!("  the server is killed and started again");
    let begun = os::now();
    server.restart()?;
    fleet.wait_until("all devices have noticed", |state| state.connected < devices).await?;
    let state = fleet.wait_until("all devices are back", |state| state.connected == devices).await?;
    series.entry("back".to_owned()).or_default().push(begun.elapsed().as_secs_f64());
    ensure!(state.refused == 0, "the server refused {}, such as: {:?}", state.refused, state.refusal);
    Ok(())
}

/// An administrator rotates everything; each device does all of its part.
async fn wake_all(fleet: &mut Fleet, server: &Server, devices: u32, series: &mut Series) -> Result<()> {
    let trust = client::trust(server.tenant.authority())?;
    let token = server.tenant.administrator().await?;
    let path = format!("/lapwing/v1/{}/rotations", server.tenant.tenant());
    let mut administrator = Connection::open(server.address, &trust).await?;
    let order = json!({ "devices": "all", "canaries": "0", "perMinute": PER_MINUTE });
    let before = Usage::of(server.process_id())?;
    let begun = os::now();
    let order = client::request("POST", &path, &token, order.to_string().as_bytes());
    let rotation: Value = serde_json::from_slice(administrator.call(&order).await?)?;
    let id = rotation.get("id").and_then(Value::as_str).context("the rotation has no id")?;
    let question = client::request("GET", &format!("{path}/{id}"), &token, b"");
    let (mut told, mut seen) = (0, None);
    while seen.is_none() {
        let state = fleet.state()?;
        let done = state.visits.len();
        if done / 1000 > told / 1000 {
            eprintln!("  {done} of {devices} devices have rotated");
        }
        told = done;
        let rotation: Value = serde_json::from_slice(administrator.call(&question).await?)?;
        seen = (rotation.get("state").and_then(Value::as_str) != Some("running")).then_some(rotation);
        ensure!(
            begun.elapsed() < PATIENCE + Duration::from_secs(60) * devices / PER_MINUTE,
            "the rotation does not come to its end: {done} of {devices} devices have rotated, {:?}",
            state.failures.first()
        );
        tokio::time::sleep(LOOK).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = Usage::of(server.process_id())?;
    let state = fleet
        .wait_until("every device has told of its rotation", |state| {
            state.visits.len() + state.failures.len() >= devices as usize
        })
        .await?;
    ensure!(state.failures.is_empty(), "{} failed, such as: {}", state.failures.len(), state.failures[0]);
    ensure!(state.refused == 0, "the server refused {}, such as: {:?}", state.refused, state.refusal);
    let count = |name: &str| {
        seen.as_ref().and_then(|seen| seen.pointer(&format!("/counts/{name}"))?.as_f64()).unwrap_or(f64::NAN)
    };
    let (done, total) = (count("done"), count("total"));
    ensure!(done == f64::from(devices) && total == done, "the server counts {seen:?}");
    series.entry("done_per_second".to_owned()).or_default().push(done / seconds);
    series.entry("mass_cpu".to_owned()).or_default().push((after.cpu_ms - before.cpu_ms) / done);
    series.insert("visit".to_owned(), state.visits);
    Ok(())
}

impl Side {
    fn new(name: &'static str, process: u32, fleet: Fleet) -> Result<Self> {
        Ok(Self { name, process, alone: Usage::of(process)?, fleet })
    }
}

impl Fleet {
    /// Starts it; with the public half of the devices' key.
    fn start(program: &Path) -> Result<(Self, Vec<u8>)> {
        let mut command = os::command(program);
        let mut child = command.arg("run").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("the fleet has no standard input")?;
        let answers = child.stdout.take().context("the fleet has no standard output")?;
        let mut fleet = Self { _process: Ended(child), orders, answers: BufReader::new(answers).lines() };
        let public_key = serde_json::from_str(&fleet.answer()?)?;
        Ok((fleet, public_key))
    }

    fn send(&mut self, line: &impl serde::Serialize) -> Result<()> {
        self.orders.write_all(serde_json::to_string(line)?.as_bytes())?;
        self.orders.write_all(b"\n")?;
        Ok(self.orders.flush()?)
    }

    fn answer(&mut self) -> Result<String> {
        Ok(self.answers.next().context("the fleet has ended")??)
    }

    fn state(&mut self) -> Result<State> {
        self.send(&"state")?;
        Ok(serde_json::from_str(&self.answer()?)?)
    }

    async fn wait_until(&mut self, what: &str, is_so: impl Fn(&State) -> bool) -> Result<State> {
        let begun = os::now();
        loop {
            let state = self.state()?;
            if is_so(&state) {
                return Ok(state);
            }
            if let Some(failure) = state.failures.first() {
                bail!(
                    "while waiting until {what}, {} devices failed, such as: {failure}",
                    state.failures.len()
                );
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "waited too long until {what}: {} connected, {} refused, such as: {:?}",
                state.connected,
                state.refused,
                state.refusal
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Usage {
    /// proc(5), `/proc/pid/status` and each thread's `schedstat`, whose first number is nanoseconds on a processor.
    fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        let mut nanoseconds = 0.0;
        for thread in fs::read_dir(format!("{folder}/task"))? {
            let line = fs::read_to_string(thread?.path().join("schedstat"))?;
            let word = line.split(' ').next().context("schedstat is empty")?;
            nanoseconds += word.parse::<f64>()?;
        }
        let resident_kib = resident.context("the kernel tells no VmRSS")?.parse()?;
        Ok(Self { resident_kib, cpu_ms: nanoseconds / 1e6 })
    }
}
