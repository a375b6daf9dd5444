//! Stores over kept connections, against a bare database and against bare requests.

use std::{collections::BTreeMap, fs::File, net::SocketAddr, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context as _, Result};
use lapwing_server::bench::Device;
use tokio::task::JoinSet;

use crate::{
    bare::Bare,
    client::{self, Connection},
    os,
    server::{Server, announced},
};

/// Connections at once; each is one device.
const CONNECTIONS: u32 = 64;

/// All the requests of one connection.
type Requests = Vec<Vec<u8>>;

/// Stores a second of the server, of the bare loop and of requests that only check the token, and the changes that one
/// commit held, by round.
pub(crate) async fn run(
    programs: &Path,
    folder: &Path,
    rounds: u32,
    each: u32,
) -> Result<BTreeMap<&'static str, Vec<f64>>> {
    let server = Server::start(programs, &folder.join("server"), CONNECTIONS).await?;
    let mut child = os::command(&std::env::current_exe()?);
    child.arg("token-check").arg(&server.folder).arg(&server.url);
    let (_token_check, line) = announced(&mut child)?;
    let mut stored = connections(&server, server.address).await?;
    let mut checked = connections(&server, line.trim().parse()?).await?;
    let mut devices = Vec::new();
    for number in 0..CONNECTIONS {
        devices.push(server.tenant.device(number).await?);
    }
    let database = server.folder.join("lapwing.db");
    let mut bare = None;
    let mut series: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    // The first round only warms up.
    for round in 0..=rounds {
        eprintln!("  round {round} of {rounds}");
        let requests = prepare(&server, &mut devices, each)?;
        let before = commits(&database)?;
        let (seconds, requests) = load(&mut stored, requests).await?;
        let total = f64::from(CONNECTIONS) * f64::from(each);
        let batch = total / f64::from(commits(&database)?.wrapping_sub(before));
        let (check_seconds, _) = load(&mut checked, requests).await?;
        if bare.is_none() {
            bare = Some(Bare::like(&database, &server.folder.join("bare.db")).await?);
        }
        let bare = bare.as_mut().context("there is no database to compare with")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a batch is 1 to 256")]
        let bare_time = bare.run(CONNECTIONS.saturating_mul(each), batch.round() as u32).await?;
        if round > 0 {
            let mut add = |name, value| series.entry(name).or_default().push(value);
            add("stores", total / seconds);
            add("token_checks", total / check_seconds);
            add("bare_rows", total / bare_time.as_secs_f64());
            add("batch", batch);
        }
    }
    Ok(series)
}

async fn connections(server: &Server, address: SocketAddr) -> Result<Vec<Connection>> {
    let trust = client::trust(server.tenant.authority())?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address, &trust).await?);
    }
    Ok(connections)
}

/// `each` stores of every device, each in place of the one before.
fn prepare(server: &Server, devices: &mut [Device], each: u32) -> Result<Vec<Requests>> {
    let one = |device: &mut Device| {
        let body = server.tenant.next_upload(device)?;
        Ok(client::request("POST", &device.path, &device.token, &body))
    };
    devices.iter_mut().map(|device| (0..each).map(|_| one(device)).collect()).collect()
}

/// Sends every connection's requests, one after the other on each, and returns the seconds until the last answer.
async fn load(connections: &mut Vec<Connection>, requests: Vec<Requests>) -> Result<(f64, Vec<Requests>)> {
    let mut tasks = JoinSet::new();
    let begun = os::now();
    for (mut connection, requests) in connections.drain(..).zip(requests) {
        tasks.spawn(async move {
            for request in &requests {
                connection.call(request).await?;
            }
            anyhow::Ok((connection, requests))
        });
    }
    let mut sent = Vec::new();
    for done in tasks.join_all().await {
        let (connection, requests) = done?;
        connections.push(connection);
        sent.push(requests);
    }
    Ok((begun.elapsed().as_secs_f64(), sent))
}

/// How many transactions the database has committed: the change counter of the index of its write-ahead log. SQLite,
/// "WAL-mode File Format", section 2.1.
fn commits(database: &Path) -> Result<u32> {
    const CHANGES_AT: u64 = 8;
    let mut counter = [0; 4];
    File::open(database.with_extension("db-shm"))?.read_exact_at(&mut counter, CHANGES_AT)?;
    Ok(u32::from_ne_bytes(counter))
}
