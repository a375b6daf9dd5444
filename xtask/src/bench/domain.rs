//! Benchmarks in an Active Directory domain, on one controller.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use xtask::{
    estate::{Estate, Setting},
    lab::{Host, Lab, domain::Samba},
    programs::{self, ACCOUNT},
};

use super::{
    Row,
    programs::Programs,
    report::{Bound, Measured},
};

/// The directory part of a rotation, against the same by the C tools.
const ROTATION_MAX: f64 = 0.5;
/// A cycle that finds nothing to do, against the same.
const IDLE_MAX: f64 = 1.0 / 3.0;

/// The steps of a cycle that ask the directory: the first reads Group Policy, over the connection that all of them share.
const IDLE_STEPS: [&str; 3] = ["policy", "connect", "state"];
/// The one that a rotation adds.
const STORE: &str = "store";

const POLICY: [(&str, Setting<'_>); 3] = [
    ("BackupDirectory", Setting::Number(2)),
    ("AdministratorAccountName", Setting::Text(ACCOUNT)),
    ("ADPasswordEncryptionEnabled", Setting::Number(0)),
];

/// What an administrator's script would do as the machine, round after round: which policy objects there are and which are linked
/// where, by one search; the computer; and the modification, which writes what the agent writes, in its length. Arguments: how
/// many rounds, and whether to modify. Prints the milliseconds of each round.
const C_TOOLS: &str = r#"rounds=$1 modify=$2
    export KRB5CCNAME=FILE:/run/bench.tickets
    ask="ldapsearch -LLL -Q -N -Y GSSAPI -H ldap://dc1.lapwing.test"
    for round in $(seq "$rounds"); do
        begun=$(date +%s%N)
        kinit -k 'DEVICE$'
        $ask -E '!1.2.840.113556.1.4.801=::MAMCAQQ=' -b DC=lapwing,DC=test \
            '(|(gPLink=*)(objectClass=groupPolicyContainer))' gPLink gPOptions displayName flags versionNumber \
            gPCFileSysPath gPCMachineExtensionNames gPCWQLFilter nTSecurityDescriptor >/run/bench.policy
        $ask -b DC=lapwing,DC=test '(sAMAccountName=DEVICE$)' msLAPS-PasswordExpirationTime \
            msLAPS-CurrentPasswordVersion >/run/bench.read
        if [ "$modify" = yes ]; then
            entry=$(sed -n 's/^dn: //p' /run/bench.read)
            ldapmodify -Q -N -Y GSSAPI -H ldap://dc1.lapwing.test >/dev/null <<END
dn: $entry
changetype: modify
replace: msLAPS-Password
msLAPS-Password: {"n":"lapadmin","t":"1dd1e7a00000000","p":"Wq7+kd{T2m.Z!x"}
-
replace: msLAPS-PasswordExpirationTime
msLAPS-PasswordExpirationTime: 1349000000000000$((round % 10 + 10))
END
        fi
        kdestroy
        echo $((($(date +%s%N) - begun) / 1000))
    done"#;

/// What `lapwing trace --json` prints, as far as it is counted.
#[derive(Deserialize)]
struct Trace {
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    name: String,
    took_micros: Option<u64>,
}

/// Milliseconds of each round, and of processor time of all rounds, a round.
struct Cost {
    wall: Vec<f64>,
    cpu: f64,
}

/// Milliseconds that each rotation took for what it asked the directory.
#[derive(Default)]
struct Asked {
    /// What a cycle with nothing to do asks as well.
    idle: Vec<f64>,
    whole: Vec<f64>,
}

pub(super) fn rows(programs: &Programs, rounds: u32) -> Result<Vec<Row>> {
    eprintln!("  a domain starts, and a host joins it");
    let estate = Estate::set(Lab::new()?, Samba::Current, &programs.shipped)?;
    estate.prepare_domain()?;
    estate.add_policy("Bench", &POLICY)?;
    programs::switch_on(&estate.host)?;
    let host = &estate.host;
    host.run(&["lapwing", "invoke-policy-processing"])?;

    let mut asked = Asked::default();
    let rotation_cpu = agent(host, rounds, "reset-password", |host| asked.take(host))?;
    let tools = c_tools(host, rounds, "yes")?;
    let idle_cpu = agent(host, rounds, "invoke-policy-processing", |_| Ok(()))?;
    let idle_tools = c_tools(host, rounds, "no")?;
    let (three, two) = ("kinit, 2 ldapsearch, ldapmodify", "kinit, 2 ldapsearch");
    let row = |(what, ours): (&str, Vec<f64>), (tools, theirs): (&str, Vec<f64>), at_most| {
        let (ours, theirs) = (Measured::of(what, "ms", ours), Measured::of(tools, "ms", theirs));
        Row::new(ours, theirs, Bound::AtMost(at_most), Vec::new())
    };
    let cpu = |tools: &str| format!("processor time of {tools}");
    Ok(vec![
        row(("the directory part of a rotation", asked.whole), (three, tools.wall), ROTATION_MAX),
        row(
            ("processor time of lapwingd, a whole rotation", vec![rotation_cpu]),
            (&cpu(three), vec![tools.cpu]),
            ROTATION_MAX,
        ),
        row(
            ("of that, what a cycle with nothing to do asks too", asked.idle),
            (two, idle_tools.wall),
            IDLE_MAX,
        ),
        row(
            ("processor time of lapwingd, such a whole cycle", vec![idle_cpu]),
            (&cpu(two), vec![idle_tools.cpu]),
            IDLE_MAX,
        ),
    ])
}

/// The processor time in milliseconds that the running agent takes for a command; `each` is done after each round.
fn agent(host: &Host, rounds: u32, command: &str, mut each: impl FnMut(&Host) -> Result<()>) -> Result<f64> {
    // The first round warms up.
    host.run(&["lapwing", command])?;
    let before = processor_ms(host, "lapwingd.service")?;
    for _ in 0..rounds {
        host.run(&["lapwing", command])?;
        each(host)?;
    }
    Ok((processor_ms(host, "lapwingd.service")? - before) / f64::from(rounds))
}

impl Asked {
    /// Takes the newest rotation.
    fn take(&mut self, host: &Host) -> Result<()> {
        let traces: Vec<Trace> = serde_json::from_str(&host.run(&["lapwing", "trace", "--json"])?)?;
        let newest = traces.last().and_then(|trace| trace.attempts.last()).context("there is no trace")?;
        let took = |steps: &[&str]| -> u64 {
            let of_directory = newest.steps.iter().filter(|step| steps.contains(&step.name.as_str()));
            of_directory.filter_map(|step| step.took_micros).sum()
        };
        let (idle, store) = (took(&IDLE_STEPS), took(&[STORE]));
        ensure!(idle > 0 && store > 0, "the newest rotation has not asked the directory");
        self.idle.push(milliseconds(idle));
        self.whole.push(milliseconds(idle + store));
        Ok(())
    }
}

/// What the C tools take for the same, round after round, in a unit of their own so that all of it is counted.
fn c_tools(host: &Host, rounds: u32, modify: &str) -> Result<Cost> {
    const UNIT: &str = "bench-tools.service";
    let count = rounds.to_string();
    // It is over when the command returns, and is kept to be asked what it took.
    let run = ["systemd-run", "--quiet", "--property=Type=oneshot", "--property=RemainAfterExit=yes"];
    let (unit, output) = (format!("--unit={UNIT}"), "--property=StandardOutput=truncate:/run/bench.times");
    // One round before that warms up, and is not counted.
    host.run(&["sh", "-euc", C_TOOLS, "tools", "1", modify])?;
    host.run(&[&run[..], &[&unit, output, "sh", "-euc", C_TOOLS, "tools", &count, modify]].concat())?;
    let printed = host.run(&["cat", "/run/bench.times"])?;
    let wall = printed.lines().map(|line| Ok(milliseconds(line.parse()?))).collect::<Result<Vec<_>>>()?;
    let cpu = processor_ms(host, UNIT)? / f64::from(rounds);
    host.run(&["systemctl", "stop", UNIT])?;
    Ok(Cost { wall, cpu })
}

/// The processor time of all processes of a unit, in milliseconds. systemd.resource-control(5).
pub(super) fn processor_ms(host: &Host, unit: &str) -> Result<f64> {
    let told = host.run(&["systemctl", "show", "--property=CPUUsageNSec", "--value", unit])?;
    let nanoseconds: u64 = told.trim().parse().with_context(|| format!("{unit} is not accounted for"))?;
    Ok(milliseconds(nanoseconds / 1000))
}

fn milliseconds(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0
}
