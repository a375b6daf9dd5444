//! Measures rotations on a managed host, and each part of one alone; started there by `cargo xtask bench`, as root.
//!
//! Standard input is an enrolment token: the parts that need the directory are done as a device of the benchmark's own.
//! Standard output gets one JSON object of series in milliseconds, standard error the progress.

mod directory;
mod os;
mod parts;

use std::{collections::BTreeMap, io::Read as _};

use anyhow::{Result, bail};
use serde_json::json;

use crate::directory::Device;

const USAGE: &str = "usage: device rotation ACCOUNT ROUNDS <ENROLMENT-TOKEN
Started by `cargo xtask bench`.";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["rotation", account, rounds] => {
            let mut token = String::new();
            std::io::stdin().read_to_string(&mut token)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let series = runtime.block_on(rotation(account, rounds.parse()?, &token))?;
            println!("{}", json!(series));
            Ok(())
        }
        // Cargo's own test and bench runners start every target without a name.
        [] | ["--bench", ..] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("{USAGE}"),
    }
}

/// One rotation and one of each part, in turn, so that whatever else the machine does meets all of them.
async fn rotation(account: &str, rounds: u32, token: &str) -> Result<BTreeMap<&'static str, Vec<f64>>> {
    let mut device = Device::enrol(token).await?;
    let mut series: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    // The first round only warms up.
    for round in 0..=rounds {
        eprintln!("  round {round} of {rounds}");
        let times = [
            ("rotation", parts::rotate()?),
            ("hash", parts::hash_and_verify(account)?),
            ("dry_run", parts::dry_run(account)?),
            ("activations", parts::activation()? + parts::activation()?),
            ("syncs", parts::durable_writes()?),
            ("upload", device.upload().await?),
        ];
        if round > 0 {
            for (name, time) in times {
                series.entry(name).or_default().push(time.as_secs_f64() * 1000.0);
            }
        }
    }
    Ok(series)
}
