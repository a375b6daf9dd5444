//! The button, pressed by an administrator: from the request to a password that the account file holds.

use core::time::Duration;
use std::{fs, io::Write as _, os::fd::OwnedFd, process::Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::{
    graph::{Administrator, Profile},
    transport::Limits,
};
use lapwing_core::types::{DeviceId, Guid};
use lapwing_proto::admin::Credentials;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, WatchFlags},
};

use crate::os;

const SHADOW: &str = "/etc/shadow";
/// How long a click may take: far beyond any bound, and short of for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one question how the action stands to the next.
const LOOK: Duration = Duration::from_millis(10);

/// An administrator at the device whose agent runs on this host.
pub(crate) struct Button {
    administrator: Administrator,
    device: DeviceId,
    account: String,
}

/// How long a click took.
pub(crate) struct Click {
    /// Until the account file was read back with another password's hash in it.
    pub(crate) changed: Duration,
    /// Until the server told that the action is done.
    pub(crate) done: Duration,
}

impl Button {
    /// By an administrator's profile, for the one managed device of this name.
    pub(crate) async fn find(profile: &str, name: &str, account: &str) -> Result<Self> {
        let profile = Profile::try_from(toml::from_str::<Credentials>(profile)?)?;
        let mut administrator = Administrator::open(&profile, Limits::default()).await?;
        let devices = administrator.managed_devices_named(name).await?;
        let device = devices.first().context("the server manages no device of this name")?.id.parse()?;
        Ok(Self { administrator, device, account: account.to_owned() })
    }

    /// Presses it once, and checks that the password that the server then shows opens the account.
    pub(crate) async fn click(&mut self) -> Result<Click> {
        let before = field(&self.account)?;
        let changes = Changes::watch()?;
        let begun = os::now();
        self.administrator.rotate_local_admin_password(self.device).await?;
        while field(&self.account)? == before {
            changes.wait(
                PATIENCE.checked_sub(begun.elapsed()).context("the account's password does not change")?,
            )?;
        }
        let changed = begun.elapsed();
        loop {
            let actions = self.administrator.actions(self.device).await?;
            let action = actions.first().context("the server knows of no action")?;
            match action.state.as_str() {
                "done" => break,
                "pending" | "accepted" => {}
                other => bail!("the action is {other}: {action:?}"),
            }
            ensure!(begun.elapsed() < PATIENCE, "the action does not come to its end: {action:?}");
            tokio::time::sleep(LOOK).await;
        }
        let done = begun.elapsed();
        self.must_open().await?;
        Ok(Click { changed, done })
    }

    async fn must_open(&mut self) -> Result<()> {
        const SCRIPT: &str = "chomp(my $password = <STDIN>);
            my $hash = (getpwnam $ARGV[0])[1];
            exit !(crypt($password, $hash) eq $hash);";
        let shown = self.administrator.credentials(self.device, true, Guid::random(&mut os::rng())).await?;
        let shown = shown.credentials.unwrap_or_default();
        let newest = shown.iter().max_by(|one, other| one.backup_date_time.cmp(&other.backup_date_time));
        let newest = newest.context("the server shows no password")?;
        let password = STANDARD.decode(newest.password_base64.expose_secret())?;
        let mut perl = os::command("/usr/bin/perl");
        let mut child = perl.args(["-e", SCRIPT, &self.account]).stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("perl has no standard input")?.write_all(&password)?;
        ensure!(child.wait()?.success(), "the password that the server shows does not open the account");
        Ok(())
    }
}

/// The account's field of shadow(5).
fn field(account: &str) -> Result<String> {
    let text = fs::read_to_string(SHADOW)?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(account)?.strip_prefix(':'));
    let field = lines.next().and_then(|line| line.split(':').next());
    Ok(field.context("the account has no line in the account file")?.to_owned())
}

/// Files that are renamed into the folder of the account file.
struct Changes(OwnedFd);

impl Changes {
    fn watch() -> Result<Self> {
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&watch, "/etc", WatchFlags::MOVED_TO)?;
        Ok(Self(watch))
    }

    /// Waits for the next.
    fn wait(&self, longest: Duration) -> Result<()> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        ensure!(
            poll(&mut ready, Some(&Timespec::try_from(longest)?))? > 0,
            "the account's password does not change"
        );
        let mut buffer = [core::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        // Whichever they were, the account file is looked at anew.
        while events.next().is_ok() {}
        Ok(())
    }
}
