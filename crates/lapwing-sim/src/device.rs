//! A host: its disks, its clocks, its power, and `lapwingd` while it runs.

use core::time::Duration;
use std::collections::BTreeMap;

use lapwing_core::{
    agent::{Ledger, Machine, Memory, Plan, PlanRules, PolicyRead, Target, Verdict},
    policy::{
        DsrmBackup, PassphraseLength, PasswordAgeDays, PasswordComplexity, PasswordLength,
        PostAuthentication, PostAuthenticationActions,
    },
    root_half::Journal,
    types::{AccountName, BootId, BootTime, Guid, Now, PasswordVersion, RunId, Uid, WallTime},
};

use crate::{
    directory::Secret,
    disk::File,
    event::Event,
    promise::Promises,
    root_half::{Account, Disks},
    scenario::Scenario,
    session::Caller,
    time::Time,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    Suspended,
    Off,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) disks: Disks,
    pub(crate) memory: File<Memory>,
    pub(crate) ledger: File<Ledger>,
    pub(crate) promises: Promises,
    /// The disk is full, but for what it reserves for root.
    pub(crate) is_full: bool,
    /// It will be so once the ledger has been written so often.
    pub(crate) full_in: Option<u32>,
    /// A state of the disks that the host may go back to.
    pub(crate) snapshot: Option<Box<Snapshot>>,
    /// How far the wall clock is ahead, in microseconds.
    pub(crate) wall_offset: i64,
    pub(crate) booted: Time,
    /// Counts the boots.
    pub(crate) boots: u64,
    pub(crate) power: Power,
    /// Whether the network's cable is in.
    pub(crate) cable: bool,
    pub(crate) policy: Policy,
    /// Its record in the directory; a clone has the same.
    pub(crate) record: usize,
    /// Whether another host has the same identity, or had.
    pub(crate) was_cloned: bool,
    /// Whether it was thrown away.
    pub(crate) is_retired: bool,
    pub(crate) agent: Option<Box<Agent>>,
    /// Counts the runs of `lapwingd` and the boots: what belongs to an earlier one is nobody's any more.
    pub(crate) incarnation: u32,
    /// Ends the next verb at this step, with the host's power or without.
    pub(crate) doom: Option<(u32, bool)>,
    /// The same while the ledger is written, which `lapwingd` does itself.
    pub(crate) agent_doom: Option<(u32, bool)>,
    /// What has to wait until the host is awake.
    pub(crate) frozen: Vec<Event>,
    /// When the next timer fires that is in the queue.
    pub(crate) timer: Option<Time>,
    pub(crate) watch: Watch,
}

/// What a host can be restored from.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) disks: Disks,
    pub(crate) memory: File<Memory>,
    pub(crate) ledger: File<Ledger>,
    pub(crate) promises: Promises,
}

impl Snapshot {
    /// The host as it is now.
    pub(crate) fn of(device: &Device) -> Self {
        Self {
            disks: device.disks.clone(),
            memory: device.memory.clone(),
            ledger: device.ledger.clone(),
            promises: device.promises.clone(),
        }
    }
}

/// The policy of one host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) is_managed: bool,
    /// Which of the host's two accounts.
    pub(crate) account: usize,
    pub(crate) age_days: u16,
    pub(crate) reset_delay: Duration,
}

impl Policy {
    /// The one that every host begins with and comes back to.
    pub(crate) const fn of(scenario: &Scenario) -> Self {
        let Scenario { age_days, reset_delay, .. } = *scenario;
        Self { is_managed: true, account: 0, age_days, reset_delay }
    }
}

/// `lapwingd`, with what it holds in memory.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) machine: Machine,
    pub(crate) run: RunId,
    pub(crate) material: Option<Material>,
    /// The replica that it is connected with.
    pub(crate) replica: usize,
    /// The expiry that it read there.
    pub(crate) read_expiry: Option<WallTime>,
    /// The send that it waits for an answer to.
    pub(crate) sending: Option<u64>,
    /// Requests without an answer: when they came, and whether they ask for a rotation.
    pub(crate) asked: BTreeMap<u64, (Time, bool)>,
    /// Where there is device management.
    pub(crate) caller: Option<Caller>,
}

/// What the root half gave to store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Material {
    pub(crate) version: PasswordVersion,
    pub(crate) secret: Secret,
    pub(crate) is_sealed: bool,
    pub(crate) since: Time,
}

/// What the checks remember of a host.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// An outside fault that has not been healed.
    pub(crate) outside: bool,
    /// And is not taken for healed before this.
    pub(crate) outside_until: Time,
    /// Whether nothing kept it from its work when it was last looked at.
    pub(crate) was_able: bool,
    /// No bound in time is checked before this.
    pub(crate) allow_until: Time,
    pub(crate) disagrees_since: Option<Time>,
    pub(crate) overdue_since: Option<Time>,
    /// When the grace period after a use of the account is over.
    pub(crate) reset_at: Option<Time>,
    /// When `lapwingd` last tried to send something.
    pub(crate) last_attempt: Option<Time>,
}

/// The names of a host's accounts; the second is there for a policy that changes its mind.
pub(crate) const ACCOUNTS: [&str; 2] = ["lapadmin", "rescue"];

pub(crate) fn account_name(index: usize) -> AccountName {
    ACCOUNTS[index].parse().expect("a name that is valid")
}

impl Device {
    pub(crate) fn new(record: usize, policy: Policy) -> Self {
        let accounts = (0..ACCOUNTS.len())
            .map(|index| Account {
                name: account_name(index),
                uid: Uid(1000 + u32::try_from(index).unwrap_or(0)),
                field: 1,
            })
            .collect();
        Self {
            disks: Disks {
                journal: File::new(Some(Journal::default())),
                accounts: File::new(accounts),
                is_full: false,
                is_locked: false,
            },
            memory: File::new(Memory::default()),
            ledger: File::new(Ledger::default()),
            promises: Promises::default(),
            is_full: false,
            full_in: None,
            snapshot: None,
            wall_offset: 0,
            booted: Time(0),
            boots: 0,
            power: Power::Off,
            cable: true,
            policy,
            record,
            was_cloned: false,
            is_retired: false,
            agent: None,
            incarnation: 0,
            doom: None,
            agent_doom: None,
            frozen: Vec::new(),
            timer: None,
            watch: Watch::default(),
        }
    }

    pub(crate) fn now(&self, now: Time) -> Now {
        Now { wall: now.wall(self.wall_offset), boot: BootTime(now.since(self.booted)) }
    }

    pub(crate) const fn boot_id(&self, index: usize) -> BootId {
        let mut bytes = [0; 16];
        let [device, boot] = [(index as u64).to_be_bytes(), self.boots.to_be_bytes()];
        let mut at = 0;
        while at < 8 {
            bytes[at] = device[at];
            bytes[at + 8] = boot[at];
            at += 1;
        }
        BootId(Guid::from_bytes(bytes))
    }

    /// Switches it on.
    pub(crate) const fn boot(&mut self, now: Time) {
        self.power = Power::On;
        self.booted = now;
        self.boots += 1;
        self.timer = None;
    }

    /// Ends `lapwingd`, and with it whatever was under way.
    pub(crate) fn end_agent(&mut self) {
        self.agent = None;
        self.incarnation += 1;
        self.frozen.clear();
        self.timer = None;
    }

    /// The policy as its source has it.
    pub(crate) fn read_policy(&self) -> PolicyRead {
        let valid = "a value within its range";
        let verdict = if self.policy.is_managed {
            Verdict::Managed(Plan {
                target: Target::Cloud,
                encryption: None,
                dsrm: DsrmBackup::Off,
                account: Some(account_name(self.policy.account)),
                own: None,
                age: PasswordAgeDays::parse(self.policy.age_days.into()).expect(valid),
                rules: PlanRules {
                    complexity: PasswordComplexity::parse(4).expect(valid),
                    password_length: PasswordLength::parse(14).expect(valid),
                    passphrase_length: PassphraseLength::parse(6).expect(valid),
                    word_list: None,
                },
                expiry_protected: true,
                activation_grace: Duration::ZERO,
                post_authentication: Some(PostAuthentication {
                    actions: PostAuthenticationActions::Reset,
                    delay: self.policy.reset_delay,
                    by_failure: false,
                    on_time: false,
                }),
            })
        } else {
            Verdict::Disabled
        };
        PolicyRead { source: None, verdict, events: Vec::new() }
    }

    /// What stands in the field of an account; none if it is gone.
    pub(crate) fn field(&self, name: &AccountName) -> Option<Secret> {
        self.disks.accounts.read().iter().find(|line| line.name == *name).map(|line| line.field)
    }
}
