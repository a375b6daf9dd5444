//! The key distribution service in a domain of Samba's, asked by Python's dpapi-ng.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use xtask::{
    key_service::{KeyService, descriptor},
    lab::{Host, Lab, domain::Samba},
};

use super::{
    Row,
    domain::processor_ms,
    programs::Programs,
    report::{Bound, Measured},
};

/// As many questions a second as one core must be enough for.
const RATE_MIN: f64 = 300.0;
/// How much more memory there may be after all questions than after the first.
const MEMORY_MAX: f64 = 1.1;
const UNIT: &str = "lapwing-kds.service";

pub(super) fn rows(programs: &Programs, rounds: u32, questions: u32) -> Result<Vec<Row>> {
    eprintln!("  a domain starts, and a host joins it");
    let service = KeyService::set(Lab::new()?, Samba::Current, &programs.shipped)?;
    service.add_root_key()?;
    service.serve()?;
    let member = service.domain.boot_member(&service.lab, "member")?;
    service.domain.join(&member)?;
    let keytab = service.hand_over(&member, "/etc/krb5.keytab")?;
    // A group that the machine is not in, so that the answer is the public key: what a host asks for.
    let descriptor = descriptor(&format!("{}-512", service.sid))?;
    let ask = || {
        let step =
            json!({"do": "many", "as": {"keytab": keytab}, "descriptor": descriptor, "count": questions});
        let outcome = service.judge(&[step])?;
        ensure!(outcome.first() == Some(&json!({"ok": questions})), "not all were answered: {outcome:?}");
        Ok(())
    };
    let controller = &service.domain.controller;
    // The first round warms up.
    ask()?;
    let before = memory_mib(controller)?;
    let mut each = Vec::new();
    for _ in 0..rounds {
        let begun = processor_ms(controller, UNIT)?;
        ask()?;
        each.push((processor_ms(controller, UNIT)? - begun) / f64::from(questions));
    }
    let after = memory_mib(controller)?;
    let allowed =
        Measured::of(format!("what {RATE_MIN} a second leave on one core"), "ms", vec![1000.0 / RATE_MIN]);
    let cost = Measured::of("processor time of a question, tickets and all", "ms", each);
    let memory = Measured::of("memory after all questions", "MiB", vec![after]);
    let first = Measured::of("memory after the first round", "MiB", vec![before]);
    Ok(vec![
        Row::new(cost, allowed, Bound::AtMost(1.0), Vec::new()),
        Row::new(memory, first, Bound::AtMost(MEMORY_MAX), Vec::new()),
    ])
}

/// The resident memory of the service. proc_pid_status(5).
fn memory_mib(controller: &Host) -> Result<f64> {
    const READ: &str = r#"sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$(systemctl show --property=MainPID --value "$1")/status""#;
    let kib: u32 =
        controller.run(&["sh", "-euc", READ, "read", UNIT])?.trim().parse().context("it does not run")?;
    Ok(f64::from(kib) / 1024.0)
}
