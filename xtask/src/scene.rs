//! The whole of Lapwing at work: a `lapwing-server` beside a booted host that runs the agent as its service.
//!
//! The demo shows it and the end-to-end tests break it; both install it as an administrator would, from `dist/`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;

use crate::lab::{Host, Kind, Lab, Login, OUTSIDE};
use crate::programs::{self, ACCOUNT};
use crate::sys;

/// The device's host name, and its name in the directory.
pub const DEVICE: &str = "device";
/// Where the server is, on [`OUTSIDE`].
pub const PORT: u16 = 8443;

/// How long a host may take until it can be woken, a failed attempt included.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(90);

/// A server, a device, and an administrator who can read.
#[derive(Debug)]
pub struct Scene {
    /// The network they are on.
    pub lab: Lab,
    /// The device.
    pub host: Host,
    programs: PathBuf,
    /// The server's data and the administrator's profile.
    data: PathBuf,
    server: Option<Child>,
    /// What gives the administrator's programs another clock.
    clock: Vec<(&'static str, &'static str)>,
}

/// A password as the administrator reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credential {
    /// The account that it opens.
    pub account: String,
    /// The password: of a throw-away host, so plain text here.
    pub password: String,
    /// When it was stored.
    pub password_update_time: String,
}

/// What the script that presses the button prints.
#[derive(Deserialize)]
struct Pressed {
    password: String,
    seconds: f64,
}

/// What `lapwing status --json` prints, as far as tests need it.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// What the agent does: `idle`, `working`, `waiting`, …
    pub state: String,
    /// What to do about a failure.
    pub next_step: Option<String>,
    /// The host's record in the directory.
    pub record: Option<String>,
    /// The version in force.
    pub version: Option<String>,
    /// The event that the last cycle of this run of the agent ended with.
    pub last_event: Option<u32>,
    /// When the last cycle of this run ended.
    pub last_cycle: Option<String>,
    /// Seconds until the next attempt or cycle; none while one runs.
    pub next_cycle_seconds: u64,
    /// Candidates in the journal.
    pub candidates: u32,
    /// Sends in a row without an answer.
    pub unanswered: u32,
    /// The connection by which the server wakes the host; none if it is enrolled nowhere.
    wake_up: Option<WakeUp>,
}

#[derive(Debug, Deserialize)]
struct WakeUp {
    state: String,
}

impl Scene {
    /// A booted host and a running server that do not know each other yet. The server's data goes with the lab.
    ///
    /// # Errors
    /// When the host does not boot or the server does not start.
    pub fn set(lab: Lab, programs: &Path) -> Result<Self> {
        Self::set_on(Kind::Host, lab, programs)
    }

    fn set_on(kind: Kind, lab: Lab, programs: &Path) -> Result<Self> {
        let data = lab.folder().join(".server");
        let host = lab.boot_kind(DEVICE, kind)?;
        let mut scene =
            Self { lab, host, programs: programs.to_owned(), data, server: None, clock: Vec::new() };
        scene.set_up_server()?;
        scene.start_server(None)?;
        Ok(scene)
    }

    /// A scene in which the first password is in force, and which may rotate more often than a day of any real host.
    ///
    /// # Errors
    /// When any part of that fails.
    pub fn settled(lab: Lab, programs: &Path) -> Result<Self> {
        Self::settled_on(Kind::Host, lab, programs)
    }

    /// The same on a host of that kind.
    ///
    /// # Errors
    /// As there.
    pub fn settled_on(kind: Kind, lab: Lab, programs: &Path) -> Result<Self> {
        let scene = Self::set_on(kind, lab, programs)?;
        scene.install_agent()?;
        scene.enrol()?;
        let managed = scene.host.run(&["cat", "/etc/lapwing/managed.toml"])?;
        let generous = format!("changes_per_day = 100\n{managed}");
        scene.host.write("/etc/lapwing/managed.toml", 0o644, generous.as_bytes())?;
        scene.start_agent()?;
        scene.host.run(&["lapwing", "invoke-policy-processing"])?;
        Ok(scene)
    }

    /// The server's data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn set_up_server(&self) -> Result<()> {
        let url = format!("https://{OUTSIDE}:{PORT}");
        sys::text(self.outside("lapwing-server")?.arg("setup").arg("--data").arg(&self.data).args([
            "--url",
            &url,
            "--tenant-name",
            "Demo",
        ]))?;
        Ok(())
    }

    /// A program of ours on the lab's side of the network.
    fn outside(&self, program: &str) -> Result<std::process::Command> {
        let path = self.programs.join(program);
        self.lab.command(path.to_str().context("the target folder's path is not UTF-8")?)
    }

    /// Starts the server and returns once it serves; with a fail point if it is to die there.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn start_server(&mut self, fail_point: Option<&str>) -> Result<()> {
        let environment: Vec<_> = fail_point.map(|point| ("LAPWING_FAILPOINT", point)).into_iter().collect();
        self.start_server_with(PORT, &environment)
    }

    /// As [`Scene::start_server`], behind another port than the one that clients know, or in another environment.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn start_server_with(&mut self, port: u16, environment: &[(&str, &str)]) -> Result<()> {
        let mut command = self.outside("lapwing-server")?;
        command.arg("run").arg("--data").arg(&self.data).args(["--listen", &format!("{OUTSIDE}:{port}")]);
        command.envs(environment.iter().copied());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.server_log())?;
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let stdout = server.stdout.take().context("the server has no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            let status = server.wait()?;
            bail!("lapwing-server ended with {status}\nnext: read {}", self.server_log().display());
        }
        self.server = Some(server);
        Ok(())
    }

    /// Starts the server anew with another clock, which the administrator's programs then have too.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn move_clock(&mut self, environment: &[(&'static str, &'static str)]) -> Result<()> {
        self.kill_server()?;
        self.clock = environment.to_vec();
        self.start_server_with(PORT, environment)
    }

    /// Where the server's log is.
    #[must_use]
    pub fn server_log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// The running server's number as a process of this machine.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Kills the server as a crash would.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill_server(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// Waits until the server has died of its fail point.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait_for_server_death(&mut self) -> Result<()> {
        if let Some(mut server) = self.server.take() {
            server.wait()?;
        }
        Ok(())
    }

    /// Puts the agent on the host, with the account that it will manage and a policy for it.
    ///
    /// # Errors
    /// When the host cannot take them.
    pub fn install_agent(&self) -> Result<()> {
        programs::install(&self.host, &self.programs)?;
        self.set_policy(
            "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n",
        )
    }

    /// Replaces the local policy file, which the agent notices.
    ///
    /// # Errors
    /// When the host cannot write it.
    pub fn set_policy(&self, text: &str) -> Result<()> {
        self.host.write("/etc/lapwing/policy.toml", 0o644, text.as_bytes())
    }

    /// Has the administrator make an enrolment token, and the host join with it.
    ///
    /// # Errors
    /// When either is refused.
    pub fn enrol(&self) -> Result<()> {
        let token = self.administrator(&["server", "enrolment-token", "create", "--uses", "1"])?;
        self.host.feed(&["lapwing", "enrol", "--account", ACCOUNT], token.as_bytes())?;
        Ok(())
    }

    /// Switches the agent on; its first cycle starts at once.
    ///
    /// # Errors
    /// When a unit does not start.
    pub fn start_agent(&self) -> Result<()> {
        programs::switch_on(&self.host)
    }

    /// Asks the agent.
    ///
    /// # Errors
    /// When it does not answer, as while it starts.
    pub fn status(&self) -> Result<Status> {
        Ok(serde_json::from_str(&self.host.run(&["lapwing", "status", "--json"])?)?)
    }

    /// Waits until the server can wake the host: it is told of its enrolment, and connects.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_until_connected(&self) -> Result<()> {
        self.host.wait_until("the wake-up connection is open", CONNECT_TIME_MAX, |_| {
            Ok(self.status()?.wake_up.is_some_and(|wake_up| wake_up.state == "connected"))
        })
    }

    /// Kills `lapwingd` as a crash would; systemd starts it again two seconds later. Tells whether it was running.
    ///
    /// # Errors
    /// When the host cannot be asked.
    pub fn kill_agent(&self) -> Result<bool> {
        let script = "kill -KILL $(systemctl show --property MainPID --value lapwingd.service | grep -vx 0)";
        Ok(self.host.command("sh").args(["-c", script]).output()?.status.success())
    }

    /// Runs the administrator's command, with the profile that the server's set-up wrote.
    ///
    /// # Errors
    /// When it fails; its message is in the error.
    pub fn administrator(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.outside("lapwing")?;
        command.args(arguments).arg("--profile").arg(self.data.join("admin.toml"));
        command.envs(self.clock.iter().copied());
        sys::text(&mut command)
    }

    /// The console's address, and a one-time link by which the administrator signs in to it first.
    ///
    /// # Errors
    /// When the server does not give one.
    pub fn console(&self) -> Result<(String, String)> {
        let mut command = self.outside("lapwing-server")?;
        let link = sys::text(command.args(["operator", "link", "admin", "--data"]).arg(&self.data))?;
        Ok((format!("https://{OUTSIDE}:{PORT}/console"), link.trim().to_owned()))
    }

    /// The certificate of the server's authority in PEM, as the device pinned it.
    ///
    /// # Errors
    /// When the device has not joined.
    pub fn authority(&self) -> Result<PathBuf> {
        let path = self.data.with_extension("authority.pem");
        fs::write(&path, self.host.run(&["cat", "/var/lib/lapwing/authority.crt"])?)?;
        Ok(path)
    }

    /// Presses the button in a headless browser, as `tests/console/button.py` says; the new password, and the seconds
    /// from the click to the end.
    ///
    /// # Errors
    /// When a step of that fails; what the script said is in the error.
    pub fn press_the_button(&self, python: &Path) -> Result<(String, f64)> {
        let (_, link) = self.console()?;
        let given = serde_json::json!({
            "authority": self.authority()?,
            "link": link,
            "device": DEVICE,
            "pictures": std::env::var_os("LAPWING_PICTURES").map(PathBuf::from),
        });
        let mut command = self.lab.command(python.to_str().context("the cache's path is not UTF-8")?)?;
        command.args(["-I", "-B"]).arg(sys::workspace().join("tests/console/button.py"));
        let seen = sys::text_fed(&mut command, given.to_string().as_bytes())?;
        let seen: Pressed = serde_json::from_str(&seen).context("the script printed no JSON")?;
        Ok((seen.password, seen.seconds))
    }

    /// Reads the device's passwords as an administrator would, newest first.
    ///
    /// # Errors
    /// When the directory does not show them.
    pub fn passwords(&self) -> Result<Vec<Credential>> {
        let json = self.administrator(&[
            "get-aad-password",
            DEVICE,
            "--include-passwords",
            "--include-history",
            "--as-plain-text",
            "--json",
        ])?;
        serde_json::from_str(&json).context("what the command printed is not the JSON expected")
    }

    /// The password that the directory holds now.
    ///
    /// # Errors
    /// When it holds none.
    pub fn password(&self) -> Result<String> {
        let newest = self.passwords()?.into_iter().next();
        Ok(newest.ok_or_else(|| anyhow!("the directory holds no password of {DEVICE}"))?.password)
    }

    /// Logs on to the host by ssh as the managed account.
    ///
    /// # Errors
    /// When the tools are missing.
    pub fn log_on(&self, password: &str) -> Result<Login> {
        self.host.ssh(ACCOUNT, password, "id --user --name")
    }

    /// Checks that the password opens the account over real ssh.
    ///
    /// # Errors
    /// When it does not.
    pub fn must_open(&self, password: &str) -> Result<()> {
        let login = self.log_on(password)?;
        ensure!(
            login == Login::Accepted(format!("{ACCOUNT}\n")),
            "the directory's password does not open {ACCOUNT}: {login:?}"
        );
        Ok(())
    }

    /// Checks that the password does not open the account.
    ///
    /// # Errors
    /// When it does.
    pub fn must_not_open(&self, password: &str) -> Result<()> {
        let login = self.log_on(password)?;
        ensure!(login == Login::Refused, "a password that was replaced is not refused: {login:?}");
        Ok(())
    }

    /// Lets the host and the server live on after this process, in a kept lab.
    pub fn leave_running(mut self) {
        // A server that is forgotten is not killed; the lab's end is its end.
        self.server = None;
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Err(error) = self.kill_server() {
            eprintln!("The server is not ended before its lab: {error:#}");
        }
    }
}
