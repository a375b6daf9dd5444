//! `cargo xtask demo`: Lapwing's main job, from nothing to a password that opens a host and one that does not any more.

mod device;
mod domain;

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;
use xtask::lab::{self, Lab};
use xtask::programs::{self, Build};
use xtask::python;
use xtask::scene::{DEVICE, Scene};
use xtask::steps::Steps;
use xtask::sys;

const LAB: &str = "demo";

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask demo            shows it, and leaves a place to play in
  cargo xtask demo --check    shows it, and leaves nothing
  cargo xtask demo --button   the same by the console: a browser presses Rotate and watches
  cargo xtask demo --device   what protects the password on the host, and what follows a log-on; four minutes
  cargo xtask demo --ad       the same in an Active Directory domain, under a Group Policy
  cargo xtask demo --ad --encrypted   the same with encrypted passwords, read at last from a backup of the domain
  cargo xtask demo --stop     ends the place to play in")]
pub(crate) struct Demo {
    /// Prove each step, leave nothing behind, and end with code 0 only if all held
    #[arg(long, conflicts_with = "stop")]
    check: bool,
    /// Rotate by the console: sign in, press Rotate, watch the three lanes, reveal, log on
    #[arg(long, conflicts_with = "stop")]
    button: bool,
    /// On the host: passwd is refused, an edited file healed, and after a log-on password and session end, network or not
    #[arg(long, conflicts_with_all = ["stop", "button"])]
    device: bool,
    /// In an Active Directory domain: extend its schema, delegate, link a Group Policy, rotate, read, heal
    #[arg(long, conflicts_with_all = ["stop", "button", "device"])]
    ad: bool,
    /// With passwords encrypted to the help desk; at the end the domain is gone, and one is recovered from its backup
    #[arg(long, requires = "ad")]
    encrypted: bool,
    /// End what an earlier demo left
    #[arg(long)]
    stop: bool,
    /// With the programs as the test runner has built them, so that other tests keep theirs
    #[arg(long, hide = true, requires = "check")]
    as_tested: bool,
}

pub(crate) fn run(demo: &Demo) -> Result<()> {
    if demo.stop {
        return Steps::begin().run("the demo is gone", || lab::down(LAB));
    }
    crate::setup::run()?;
    let steps = Steps::begin();
    let build = if demo.as_tested { Build::WithFailPoints } else { Build::Plain };
    let programs = steps.run("the programs are built", || programs::build(build))?;
    let shown = Steps::begin();
    if demo.ad {
        return domain::run(&shown, demo.check, demo.encrypted, &programs);
    }
    let scene = if demo.button {
        press(&shown, demo.check, &programs)?
    } else if demo.device {
        device::play(&shown, settle(&shown, demo.check, &programs)?)?
    } else {
        play(&shown, demo.check, &programs)?
    };
    println!("\nEvery step held, in {}.", shown.elapsed());
    if !demo.check {
        if demo.button {
            tell_console(&scene)?;
        }
        leave(scene);
    }
    Ok(())
}

/// A host that has joined and set its first password.
fn settle(steps: &Steps, check: bool, programs: &Path) -> Result<Scene> {
    let scene = steps.run("a Debian host has booted, and a lapwing-server runs beside it", || {
        // A demo that was left running gives way to one that is to be left running in its place.
        if !check && lab::status()?.iter().any(|report| report.lab == LAB) {
            lab::down(LAB)?;
        }
        let lab = if check { Lab::new()? } else { Lab::kept(LAB)? };
        Scene::set(lab, programs)
    })?;
    steps.run("the agent is installed, with a policy for the account lapadmin", || scene.install_agent())?;
    steps.run("the host has joined with an enrolment token", || scene.enrol())?;
    steps.run("the agent has set a random password and stored it", || {
        scene.start_agent()?;
        scene.host.run(&["lapwing", "invoke-policy-processing"])
    })?;
    Ok(scene)
}

fn play(steps: &Steps, check: bool, programs: &Path) -> Result<Scene> {
    let scene = settle(steps, check, programs)?;
    let first = steps.run("an administrator reads it", || scene.password())?;
    steps.run("and logs on to the host with it, over ssh", || scene.must_open(&first))?;
    steps.run("the host rotates it on request", || scene.host.run(&["lapwing", "reset-password"]))?;
    let second = steps.run("the administrator reads the new one", || {
        let second = scene.password()?;
        ensure!(second != first, "the directory still holds the password from before");
        Ok(second)
    })?;
    steps.run("which opens the host", || scene.must_open(&second))?;
    steps.run("while the old one is refused", || scene.must_not_open(&first))?;
    let history =
        steps.run("the history still has the old one, for a host restored from a backup", || {
            let passwords = scene.passwords()?;
            ensure!(passwords.get(1).is_some_and(|before| before.password == first), "it is not there");
            Ok(passwords)
        })?;
    let audit = steps.run("the audit log has every read and every store, in an unbroken chain", || {
        scene.administrator(&["server", "audit", "verify"])?;
        scene.administrator(&["server", "audit", "list"])
    })?;
    println!("\nWhat the host says of itself (lapwing status):\n");
    println!("{}", indented(&scene.host.run(&["lapwing", "status"])?));
    println!("What the directory has stored:\n");
    for credential in &history {
        println!("    {}  {}  {}", credential.password_update_time, credential.account, credential.password);
    }
    println!("\nThe end of the audit log:\n\n{}", indented(&last_lines(&audit, 8)));
    Ok(scene)
}

/// The button, from the console's first sign-in to a log-on with what it reveals.
fn press(steps: &Steps, check: bool, programs: &Path) -> Result<Scene> {
    let scene = settle(steps, check, programs)?;
    let before = scene.password()?;
    steps.run("the host keeps a connection open, to be woken by", || scene.wait_until_connected())?;
    let python = python::interpreter(python::BROWSER)?;
    let (password, seconds) = steps.run(
        "a browser has signed in, pressed Rotate, watched the three lanes and revealed the password",
        || scene.press_the_button(&python),
    )?;
    ensure!(password != before, "the console shows the password from before");
    steps.run("which opens the host, over ssh", || scene.must_open(&password))?;
    steps.run("while the old one is refused", || scene.must_not_open(&before))?;
    println!("\nFrom the click to a drawing that shows the end: {seconds:.1} s.\n");
    println!("{}", indented(&scene.host.run(&["lapwing", "trace"])?));
    Ok(scene)
}

/// Says how to get into the console by hand.
fn tell_console(scene: &Scene) -> Result<()> {
    let (address, link) = scene.console()?;
    println!(
        "The console is at {address}, in the lab's network. Trust {} in a browser there:
  ip netns exec lapwing.{LAB} chromium --no-sandbox
First sign-in, good once: {link}\n",
        scene.authority()?.display()
    );
    Ok(())
}

/// Lets the place live on, and says how to go on by hand.
fn leave(scene: Scene) {
    let lapwing = sys::workspace().join("target/programs/plain/lapwing");
    let profile = scene.data().join("admin.toml");
    let address = scene.host.address();
    scene.leave_running();
    println!(
        "Go on by hand:
  a root shell on the host     cargo xtask lab enter --lab {LAB}
    there                      lapwing status; lapwing get-policy; lapwing reset-password
                               journalctl -u lapwingd -t lapwingd-priv
  the administrator's side     ip netns exec lapwing.{LAB} {} get-aad-password {DEVICE} \\
                                 --include-passwords --include-history --profile {}
  log on                       ip netns exec lapwing.{LAB} ssh lapadmin@{address}
  cut the cable                ip -n lapwing.{LAB} link set {DEVICE} down
Stop it: cargo xtask demo --stop",
        lapwing.display(),
        profile.display()
    );
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
