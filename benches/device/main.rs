//! Measures rotations on a managed host, and each part of one alone; started there by `cargo xtask bench`, as root.
//!
//! Standard input is an enrolment token, for the parts that need the directory are done as a device of the benchmark's own;
//! after it comes the profile of the administrator who clicks.
//! Standard output gets one JSON object of series in milliseconds, standard error the progress.

mod clicks;
mod directory;
mod management;
mod os;
mod parts;
mod seal;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    clicks::{Button, Click},
    directory::Device,
};

const USAGE: &str = "usage: device rotation ACCOUNT ROUNDS <ENROLMENT-TOKEN
       device clicks DEVICE ACCOUNT CLICKS RESETS <ENROLMENT-TOKEN+PROFILE
Started by `cargo xtask bench`.";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let series = match words[..] {
        ["rotation", account, rounds] => runtime.block_on(rotation(
            account,
            rounds.parse()?,
            &std::io::read_to_string(std::io::stdin())?,
        ))?,
        ["clicks", device, account, clicks, resets] => {
            let input = std::io::read_to_string(std::io::stdin())?;
            let (token, profile) = input.split_once('\n').context("there is no profile after the token")?;
            let (clicks, resets) = (clicks.parse()?, resets.parse()?);
            runtime.block_on(async {
                let mut button = Button::find(profile, device, account).await?;
                let mut peer = Device::enrol(token).await?;
                click(&mut button, &mut peer, clicks, resets).await
            })?
        }
        // Cargo's own test and bench runners start every target without a name.
        [] | ["--bench", ..] => {
            println!("{USAGE}");
            return Ok(());
        }
        _ => bail!("{USAGE}"),
    };
    println!("{}", json!(series));
    Ok(())
}

type Series = BTreeMap<&'static str, Vec<f64>>;

/// Clicks; as long as there are resets left, a local one and an empty session after each, so that whatever else the machine
/// does meets all of them.
async fn click(button: &mut Button, peer: &mut Device, clicks: u32, resets: u32) -> Result<Series> {
    let mut series = Series::new();
    for number in 1..=clicks {
        if number % 10 == 0 {
            eprintln!("  click {number} of {clicks}");
        }
        let Click { changed, done } = button.click().await?;
        let mut times = vec![("click", changed), ("click_done", done)];
        if number <= resets {
            times.extend([("reset", parts::rotate()?), ("session", peer.empty_session().await?)]);
        }
        for (name, time) in times {
            series.entry(name).or_default().push(time.as_secs_f64() * 1000.0);
        }
    }
    Ok(series)
}

/// One rotation and one of each part, in turn, so that whatever else the machine does meets all of them.
async fn rotation(account: &str, rounds: u32, token: &str) -> Result<Series> {
    let mut device = Device::enrol(token).await?;
    let mut series = Series::new();
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
