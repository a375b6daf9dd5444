//! What must be true of a host that was left alone, whatever happened to it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::programs::ACCOUNT;

use crate::scene::Scene;

/// How long a host may take to agree with its directory once both are there: two waits between attempts, on a busy
/// machine.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// How long what ends by itself may take to end.
const SOON: Duration = Duration::from_secs(30);
/// Rotations, one after the other, that show a leak.
const ROTATIONS: usize = 6;
/// How much memory a program may have more of than at another time, in KiB: allocators and caches keep some.
const RESIDENT_KIB_MORE_MAX: u64 = 8 * 1024;

/// How many descriptors it may have more of: the server opens more of its database when several ask at once.
const DESCRIPTORS_MORE_MAX: u64 = 16;

/// Another account, whose line must never change.
const BYSTANDER: &str = "bystander";

/// The account files but for what a rotation changes (hash and date of the managed account), with owner and mode.
const ACCOUNTS: &str = r#"cat /etc/passwd /etc/group
    sed -E "s/^($1):[^:]*:[^:]*:/\1:::/" /etc/shadow
    stat --format '%n %U:%G %a' /etc/passwd /etc/shadow /var/lib/lapwing-priv/*"#;

/// The journal's second line is the SHA-256 of its first, its password in force is the account's, and the account files
/// are well formed.
const WHOLE: &str = r#"cd /var/lib/lapwing-priv
    [ "$(wc -l <journal)" = 2 ]
    [ "$(head -n 1 journal | sha256sum)" = "$(tail -n 1 journal)  -" ]
    grep "^$1:" /etc/shadow | cut -d: -f2 | grep -qFf - journal
    pwck --read-only --quiet"#;

/// The number of lapwingd's processes, then of its descriptors, then its resident memory in KiB.
const USED: &str = r#"wc -l </sys/fs/cgroup/system.slice/lapwingd.service/cgroup.procs
    pid=$(systemctl show --property MainPID --value lapwingd.service)
    ls "/proc/$pid/fd" | wc -l
    sed -n 's/^VmRSS:\s*\([0-9]*\) kB/\1/p' "/proc/$pid/status""#;

/// What stood before the faults.
#[derive(Debug)]
pub(super) struct Before {
    accounts: String,
    agent: Used,
    server: Used,
}

/// What a program has of the system.
#[derive(Debug, Clone, Copy)]
struct Used {
    descriptors: u64,
    resident_kib: u64,
}

impl Before {
    /// Adds an account that nothing may touch, and looks.
    pub(super) fn of(scene: &Scene) -> Result<Self> {
        scene.host.run(&["useradd", "--create-home", BYSTANDER])?;
        scene.host.feed(&["chpasswd"], format!("{BYSTANDER}:not to be changed").as_bytes())?;
        settles(scene)?;
        Ok(Self { accounts: accounts(scene)?, agent: agent(scene)?, server: server(scene)? })
    }

    /// Checks that account files and journal are whole, and nothing else in them has changed.
    pub(super) fn still_holds(&self, scene: &Scene) -> Result<()> {
        scene
            .host
            .run(&["sh", "-euc", WHOLE, "whole", ACCOUNT])
            .context("the journal or the account files are not whole")?;
        let now = accounts(scene)?;
        let changed: Vec<_> = now.lines().filter(|line| !self.accounts.lines().any(|l| l == *line)).collect();
        ensure!(now == self.accounts, "what no rotation changes has changed: {changed:?}");
        Ok(())
    }

    /// Checks that neither program has much more of the system than before.
    pub(super) fn is_outgrown_by_little(&self, scene: &Scene) -> Result<()> {
        for (name, before, now) in
            [("lapwingd", self.agent, agent(scene)?), ("lapwing-server", self.server, server(scene)?)]
        {
            ensure!(
                now.descriptors <= before.descriptors + DESCRIPTORS_MORE_MAX
                    && now.resident_kib <= before.resident_kib + RESIDENT_KIB_MORE_MAX,
                "{name} has grown from {before:?} to {now:?}"
            );
        }
        Ok(())
    }
}

/// Waits until nothing is left to do, and nothing runs that has nothing to do.
pub(super) fn settles(scene: &Scene) -> Result<()> {
    let mut last = String::new();
    let settled = scene.host.wait_until("all is settled", SETTLE_MAX, |_| {
        // No answer: the agent has just been started.
        let Ok(status) = scene.status() else { return Ok(false) };
        last = format!("{status:?}");
        Ok(status.state == "idle"
            && status.last_event.is_some()
            && status.candidates == 0
            && status.unanswered == 0)
    });
    settled.with_context(|| format!("the agent says {last}"))?;
    scene.host.wait_until("no process of the root half is left", SOON, |host| {
        Ok(host.run(&["systemctl", "list-units", "--no-legend", "lapwing-priv@*"])?.is_empty())
    })
}

/// Checks that the password that the directory tells opens the account, and the one before does not.
pub(super) fn opens_with_the_newest_alone(scene: &Scene) -> Result<()> {
    let passwords = scene.passwords()?;
    let (newest, older) = passwords.split_first().context("the directory holds no password")?;
    scene.must_open(&newest.password)?;
    // Not all of them: sshd shuts out whoever fails too often.
    older.first().map_or(Ok(()), |before| scene.must_not_open(&before.password))
}

/// Checks that one process of `lapwingd` has the same after `rotate` was done some times as before.
pub(super) fn rotations_leave_nothing_behind(
    scene: &Scene,
    mut rotate: impl FnMut() -> Result<()>,
) -> Result<()> {
    // The first loads what all of them share.
    rotate()?;
    settles(scene)?;
    let before = agent(scene)?;
    (0..ROTATIONS).try_for_each(|_| rotate())?;
    settles(scene)?;
    let mut now = before;
    let back = scene.host.wait_until("lapwingd has closed what a rotation opened", SOON, |_| {
        now = agent(scene)?;
        Ok(now.descriptors <= before.descriptors)
    });
    back.with_context(|| format!("{ROTATIONS} rotations: from {before:?} to {now:?}"))?;
    ensure!(
        now.resident_kib <= before.resident_kib + RESIDENT_KIB_MORE_MAX / 4,
        "{ROTATIONS} rotations: lapwingd has grown from {before:?} to {now:?}"
    );
    Ok(())
}

fn accounts(scene: &Scene) -> Result<String> {
    scene.host.run(&["sh", "-euc", ACCOUNTS, "accounts", ACCOUNT])
}

fn agent(scene: &Scene) -> Result<Used> {
    let text = scene.host.run(&["sh", "-euc", USED])?;
    let numbers = text.lines().map(|line| line.trim().parse()).collect::<Result<Vec<u64>, _>>()?;
    let [processes, descriptors, resident_kib] =
        numbers.try_into().ok().with_context(|| format!("three numbers were expected: {text}"))?;
    ensure!(processes == 1, "lapwingd has {processes} processes");
    Ok(Used { descriptors, resident_kib })
}

fn server(scene: &Scene) -> Result<Used> {
    let pid = scene.server_pid().context("no server runs")?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count().try_into()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    Ok(Used { descriptors, resident_kib: resident.context("the kernel tells no VmRSS")?.trim().parse()? })
}
