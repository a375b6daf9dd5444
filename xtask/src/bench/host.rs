//! Benchmarks of the agent, on a booted host with a server beside it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use xtask::{
    lab::{Host, Lab},
    os,
    programs::ACCOUNT,
    scene::{DEVICE, Scene},
};

use super::{
    Row,
    programs::{Programs, Series, series, take},
    report::{Bound, Measured},
};

const DEVICE_PROGRAM: &str = "/usr/local/libexec/lapwing-bench-device";

/// What a rotation may cost beyond its parts.
const ROTATION_MAX: f64 = 1.5;
/// The resident memory that the agent may keep, in KiB.
const RESIDENT_KIB_MAX: f64 = 12.0 * 1024.0;

/// A managed host whose first password is stored.
fn settled(programs: &Programs) -> Result<Scene> {
    eprintln!("  a host boots and joins");
    Scene::settled(Lab::new()?, &programs.shipped)
}

/// Rotations, and their parts alone.
pub(super) fn rotation(programs: &Programs, rounds: u32) -> Result<Vec<Row>> {
    const PARTS: [(&str, &str); 5] = [
        ("hash", "hash and verify, the host's libcrypt"),
        ("dry_run", "PAM asked about one password"),
        ("activations", "two activations of an idle root half"),
        ("syncs", "four files replaced durably"),
        ("upload", "token and upload, fresh connection"),
    ];
    let scene = settled(programs)?;
    scene.host.copy_in(&programs.device, DEVICE_PROGRAM, 0o755)?;
    let token = scene.administrator(&["server", "enrolment-token", "create", "--uses", "1"])?;
    let mut command = scene.host.command(DEVICE_PROGRAM);
    command.args(["rotation", ACCOUNT, &rounds.to_string()]);
    let mut found = series(&mut command, token.as_bytes())?;
    let rotations = take(&mut found, "rotation")?;
    let mut sums = vec![0.0; rotations.len()];
    let mut beside = Vec::new();
    for (name, what) in PARTS {
        let part = take(&mut found, name)?;
        sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
        beside.push(Measured::of(what, "ms", part));
    }
    Ok(vec![Row::new(
        Measured::of("a rotation, from call to verified commit", "ms", rotations),
        Measured::of("the sum of its parts alone", "ms", sums),
        Bound::AtMost(ROTATION_MAX),
        beside,
    )])
}

/// Clicks of an administrator, and what they are made of.
pub(super) fn clicks(programs: &Programs, clicks: u32) -> Result<Vec<Row>> {
    /// Of one host, beside as many local resets but one: no host changes its password more than a hundred times a day.
    const CLICKS_EACH: u32 = 50;
    let mut all = Series::new();
    let mut left = clicks;
    while left > 0 {
        let some = left.min(CLICKS_EACH);
        left -= some;
        for (name, times) in click(programs, some)? {
            all.entry(name).or_default().extend(times);
        }
        eprintln!("  {left} clicks are left");
    }
    let (resets, sessions) = (take(&mut all, "reset")?, take(&mut all, "session")?);
    let sums = resets.iter().zip(&sessions).map(|(reset, session)| reset + session).collect();
    let changed = take(&mut all, "click")?;
    let slow = Measured::percentile_99("the slowest hundredth of clicks", "ms", changed.clone());
    let constant = |what: &str, value| Measured::of(what, "ms", vec![value]);
    let click = || Measured::of("a click, to the account file read back", "ms", changed.clone());
    Ok(vec![
        Row::new(click(), constant("half a second", 500.0), Bound::AtMost(1.0), Vec::new()),
        Row::new(slow, constant("one and a half", 1500.0), Bound::AtMost(1.0), Vec::new()),
        Row::new(
            click(),
            Measured::of("a local reset, and an empty session", "ms", sums),
            Bound::AtMost(1.5),
            vec![
                Measured::of("a local reset", "ms", resets),
                Measured::of("an empty session", "ms", sessions),
                Measured::of("a click, to `done` at the server", "ms", take(&mut all, "click_done")?),
            ],
        ),
    ])
}

/// Some clicks on a host of their own.
fn click(programs: &Programs, clicks: u32) -> Result<Series> {
    let mut scene = settled(programs)?;
    // A device stores less often than a benchmark.
    scene.kill_server()?;
    let settings = scene.data().join("server.toml");
    let text = fs::read_to_string(&settings)?;
    ensure!(text.contains("\ndevice_burst = "), "server.toml tells no limits");
    fs::write(&settings, text.replace("\ndevice_burst = ", "\ndevice_burst = 100"))?;
    scene.start_server(None)?;
    scene.wait_until_connected()?;
    scene.host.copy_in(&programs.device, DEVICE_PROGRAM, 0o755)?;
    let token = scene.administrator(&["server", "enrolment-token", "create", "--uses", "1"])?;
    let profile = fs::read_to_string(scene.data().join("admin.toml"))?;
    let mut command = scene.host.command(DEVICE_PROGRAM);
    let (clicks, resets) = (clicks.to_string(), clicks.saturating_sub(1).max(1).to_string());
    command.args(["clicks", DEVICE, ACCOUNT, &clicks, &resets]);
    series(&mut command, format!("{}\n{profile}", token.trim()).as_bytes())
}

/// What the kernel says of it.
struct Usage {
    /// How often one of its threads went to sleep by itself, and so how often one woke up.
    wake_ups: u64,
    resident_kib: u64,
}

/// From one heartbeat of the wake-up connection to the next, in seconds. docs/protocol.md, "Wake-up".
const HEARTBEAT_SECONDS: u64 = 50;
/// What a heartbeat wakes the agent for: to say it, to hear it answered, and twice because the runtime's timer wheel hands
/// a timer of this length down to a finer ring.
const WAKE_UPS_PER_HEARTBEAT: u64 = 4;

/// The agent left alone, with its wake-up connection open.
pub(super) fn idle(programs: &Programs, seconds: u64) -> Result<Vec<Row>> {
    let scene = settled(programs)?;
    let host = &scene.host;
    scene.wait_until_connected()?;
    // What one deadline costs: the cycle that it starts. The threads of a cycle end within seconds after it.
    let settle = Duration::from_secs(15.min(seconds));
    rest(host, settle)?;
    let before = usage(host)?;
    host.run(&["lapwing", "invoke-policy-processing"])?;
    rest(host, settle)?;
    let per_deadline = usage(host)?.wake_ups.saturating_sub(before.wake_ups);

    let cycle_before = scene.status()?.last_cycle;
    rest(host, settle)?;
    eprintln!("  the agent is left alone for {seconds} s");
    let before = usage(host)?;
    rest(host, Duration::from_secs(seconds))?;
    let after = usage(host)?;
    // Two are hours apart, so there is at most one.
    let deadlines = u64::from(scene.status()?.last_cycle != cycle_before);
    // One more than fit, for nobody knows when the first came.
    let heartbeats = seconds / HEARTBEAT_SECONDS + 1;
    let number = |count: u64| vec![f64::from(u32::try_from(count).unwrap_or(u32::MAX))];
    Ok(vec![
        Row::new(
            Measured::of("wake-ups at rest", "", number(after.wake_ups.saturating_sub(before.wake_ups))),
            Measured::of(
                "those of the deadlines that came",
                "",
                number(per_deadline * deadlines + WAKE_UPS_PER_HEARTBEAT * heartbeats),
            ),
            Bound::AtMost(1.0),
            vec![
                Measured::of("heartbeats at most", "", number(heartbeats)),
                Measured::of("cycles that came", "", number(deadlines)),
                Measured::of("wake-ups of one cycle", "", number(per_deadline)),
            ],
        ),
        Row::new(
            Measured::of("resident memory at rest", "KiB", number(after.resident_kib)),
            Measured::of("12 MiB", "KiB", vec![RESIDENT_KIB_MAX]),
            Bound::AtMost(1.0),
            Vec::new(),
        ),
    ])
}

/// Lets time pass without a touch on the host.
fn rest(host: &Host, length: Duration) -> Result<()> {
    let begun = os::now();
    host.wait_until("the time has passed", length * 2 + Duration::from_secs(60), |_| {
        Ok(begun.elapsed() >= length)
    })
}

/// proc(5), `/proc/pid/status`; its counters are of one thread each.
fn usage(host: &Host) -> Result<Usage> {
    const SCRIPT: &str = r#"pid=$(systemctl show --property MainPID --value lapwingd.service)
        cat "/proc/$pid/status"
        for task in "/proc/$pid"/task/*; do [ "${task##*/}" = "$pid" ] || cat "$task/status"; done"#;
    let text = host.run(&["sh", "-euc", SCRIPT])?;
    let numbers = |name: &str| -> Result<Vec<u64>> {
        let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(values
            .filter_map(|value| value.split_whitespace().next())
            .map(str::parse)
            .collect::<Result<_, _>>()?)
    };
    let sum = numbers("voluntary_ctxt_switches")?.into_iter().reduce(|sum, number| sum + number);
    let resident = numbers("VmRSS")?.into_iter().next();
    Ok(Usage {
        wake_ups: sum.context("the kernel tells no context switches of lapwingd")?,
        resident_kib: resident.context("the kernel tells no VmRSS of lapwingd")?,
    })
}
