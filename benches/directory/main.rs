//! Measures `lapwing-server`; started by `cargo xtask bench`, which judges what this prints.
//!
//! The programs are those that would be shipped; this one only adds load, generated devices and the peers to compare
//! with. Standard output gets one JSON object of series, standard error the progress.

mod bare;
mod client;
mod os;
mod scale;
mod server;
mod store;
mod wake;
#[path = "../fleet/words.rs"]
mod words;

use core::time::Duration;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

const USAGE: &str = "usage: directory store PROGRAMS FOLDER ROUNDS STORES
       directory scale PROGRAMS FOLDER ROUNDS REQUESTS DEVICES
       directory wake PROGRAMS FOLDER FLEET DEVICES HEARTBEAT-MS ROUNDS
Started by `cargo xtask bench`.";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&words))
}

async fn run(words: &[&str]) -> Result<()> {
    let series = match words {
        ["store", programs, folder, rounds, stores] => {
            json!(
                store::run(Path::new(programs), &folder_of(folder)?, rounds.parse()?, stores.parse()?)
                    .await?
            )
        }
        ["scale", programs, folder, rounds, requests, devices] => {
            let (rounds, requests, devices) = (rounds.parse()?, requests.parse()?, devices.parse()?);
            json!(scale::run(Path::new(programs), &folder_of(folder)?, devices, rounds, requests).await?)
        }
        ["wake", programs, folder, fleet, devices, heartbeat, rounds] => {
            let size = wake::Size {
                devices: devices.parse()?,
                heartbeat: Duration::from_millis(heartbeat.parse()?),
                rounds: rounds.parse()?,
            };
            json!(wake::run(Path::new(programs), &folder_of(folder)?, Path::new(fleet), &size).await?)
        }
        ["echo", folder, url] => {
            let tenant = lapwing_server::bench::Tenant::open(Path::new(folder), url).await?;
            return tenant.serve_echo(|address| println!("{address}")).await;
        }
        ["token-check", folder, url] => return token_check(folder, url).await,
        // Cargo's own test and bench runners start every target without a name.
        [] | ["--bench", ..] => {
            println!("{USAGE}");
            return Ok(());
        }
        _ => bail!("{USAGE}"),
    };
    println!("{series}");
    Ok(())
}

fn folder_of(path: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {path}"))?;
    Ok(Path::new(path).canonicalize()?)
}

/// Serves the peer that only checks tokens, and tells where.
async fn token_check(folder: &str, url: &str) -> Result<()> {
    let tenant = lapwing_server::bench::Tenant::open(Path::new(folder), url).await?;
    tenant.serve_token_check(|address| println!("{address}")).await
}
