//! Each thing that can go wrong around the programs is answered by an error that says what to do, changes nothing, and is
//! over by itself soon after its cause is gone.

mod account;
pub(crate) mod clock;
mod directory;
mod disk;
mod neighbours;
mod rules;

use std::time::Duration;

use serde::Deserialize;
use xtask::scene::Scene;

use crate::support::{ONE_CYCLE, settled, status};

/// How soon the agent is to notice that a fault on its own host is gone, though it may have waited twice for a lock
/// meanwhile and the machine may be busy.
const SOON: Duration = Duration::from_secs(45);

/// How the programs must answer a fault.
#[derive(Debug, Clone, Copy)]
struct Complaint {
    /// The event, in the journal and in every answer.
    event: u32,
    /// A part of what to do about it.
    next_step: &'static str,
}

/// What `lapwing reset-password --json` prints.
#[derive(Debug, Deserialize)]
struct Outcome {
    result: String,
    message: String,
    next_step: Option<String>,
    event: Option<u32>,
}

/// A scene, and the password that opens its host.
struct Settled {
    scene: Scene,
    password: String,
    version: Option<String>,
}

impl Settled {
    fn new() -> Self {
        Self::of(settled())
    }

    fn of(scene: Scene) -> Self {
        let password = scene.password().unwrap();
        let version = status(&scene).unwrap().version;
        Self { scene, password, version }
    }

    /// Runs a script as root on the host.
    fn sh(&self, script: &str) -> String {
        self.scene.host.run(&["sh", "-euc", script]).unwrap()
    }

    /// Asks for a rotation while the fault lasts: the answer, the status and the journal say the same, and nothing was
    /// changed.
    fn complains(&self, complaint: Complaint) {
        self.answers(complaint);
        assert_eq!(status(&self.scene).unwrap().version, self.version);
        self.scene.must_open(&self.password).unwrap();
    }

    /// As [`Self::complains`], for a host that nobody can log on to now.
    fn answers(&self, Complaint { event, next_step }: Complaint) {
        let output = self.scene.host.command("lapwing").args(["reset-password", "--json"]).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        let outcome: Outcome =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert!(["refused", "waiting"].contains(&outcome.result.as_str()), "{outcome:?}");
        assert!(!outcome.message.is_empty(), "{outcome:?}");
        assert_eq!(outcome.event, Some(event), "{outcome:?}");
        let says = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(next_step));
        assert!(says(&outcome.next_step), "{outcome:?}");
        let status = status(&self.scene).unwrap();
        assert_eq!(status.last_event, Some(event), "{status:?}");
        assert!(says(&status.next_step), "{status:?}");
        // The journal takes its time to write down what it was sent.
        self.scene
            .host
            .wait_until("the journal tells it", SOON, |host| {
                let search = format!("EVENT_ID={event}");
                Ok(host.command("journalctl").args(["--quiet", "--lines=1", &search]).output()?.stdout != b"")
            })
            .unwrap();
    }

    /// After the cause is gone the rotation that was asked for comes about by itself. Returns the scene for another fault.
    fn heals(self, limit: Duration) -> Self {
        self.scene
            .host
            .wait_until("the rotation that was asked for", limit, |_| {
                let status = status(&self.scene)?;
                Ok(status.state == "idle" && status.candidates == 0 && status.version != self.version)
            })
            .unwrap_or_else(|error| panic!("{error:#}: {:?}", status(&self.scene)));
        let healed = Self::of(self.scene);
        healed.scene.must_open(&healed.password).unwrap();
        healed.scene.must_not_open(&self.password).unwrap();
        healed
    }
}
