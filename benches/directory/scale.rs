//! The same requests to a small and a large tenant, in turn.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use anyhow::{Context as _, Result};
use lapwing_server::bench::Device;

use crate::{
    client::{self, Connection},
    os,
    server::Server,
};

/// The tenant to compare with.
const SMALL: u32 = 1000;
/// How many devices store.
const STORING: u32 = 50;
const LIST: &str = "/v1.0/directory/deviceLocalCredentials";

/// One tenant with its client.
struct Side {
    server: Server,
    devices: u32,
    connection: Connection,
    administrator: String,
    storing: Vec<Device>,
    page: String,
    /// For the choice of devices to read.
    state: u64,
}

/// The 99th percentile of each kind of request in milliseconds, by round.
pub(crate) async fn run(
    programs: &Path,
    folder: &Path,
    devices: u32,
    rounds: u32,
    requests: u32,
) -> Result<BTreeMap<String, Vec<f64>>> {
    let small = SMALL.min(devices);
    let small_server = Server::start(programs, &folder.join("small"), small).await?;
    let large_server = Server::start(programs, &folder.join("large"), devices).await?;
    // Only now: a server closes a connection that is silent for as long as the large one takes to fill.
    let mut sides = [
        ("small", Side::connect(small_server, small).await?),
        ("large", Side::connect(large_server, devices).await?),
    ];
    for (_, side) in &sides {
        // Into the kernel's memory, for it is not the disk that is compared.
        io::copy(&mut File::open(side.server.folder.join("lapwing.db"))?, &mut io::sink())?;
    }
    let mut series: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    // The first round only warms up.
    for round in 0..=rounds {
        eprintln!("  round {round} of {rounds}");
        for kind in ["get", "list", "store"] {
            let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for number in 0..requests {
                // In turn, so that whatever else this machine does meets both.
                for (name, side) in &mut sides {
                    times.entry(name).or_default().push(side.time(kind, number).await?);
                }
            }
            for (name, times) in times {
                if round > 0 {
                    series.entry(format!("{kind}_{name}")).or_default().push(percentile_99(times));
                }
            }
        }
    }
    Ok(series)
}

impl Side {
    async fn connect(server: Server, devices: u32) -> Result<Self> {
        let trust = client::trust(server.tenant.authority())?;
        let connection = Connection::open(server.address, &trust).await?;
        let administrator = server.tenant.administrator().await?;
        let mut storing = Vec::new();
        for number in 0..STORING {
            storing.push(server.tenant.device(number.wrapping_mul(7919) % devices).await?);
        }
        Ok(Self { server, devices, connection, administrator, storing, page: LIST.to_owned(), state: 1 })
    }

    /// Milliseconds of one request.
    async fn time(&mut self, kind: &str, number: u32) -> Result<f64> {
        let request = match kind {
            "get" => {
                let number = self.any_device();
                let path = self.server.tenant.credentials_path(number);
                client::request("GET", &path, &self.administrator, b"")
            }
            "list" => client::request("GET", &self.page, &self.administrator, b""),
            _ => {
                let at = usize::try_from(number)? % self.storing.len();
                let device = self.storing.get_mut(at).context("no device stores")?;
                let body = self.server.tenant.next_upload(device)?;
                client::request("POST", &device.path, &device.token, &body)
            }
        };
        let begun = os::now();
        let answer = self.connection.call(&request).await?;
        let time = begun.elapsed().as_secs_f64() * 1000.0;
        if kind == "list" {
            self.page = next_page(answer)?.unwrap_or_else(|| LIST.to_owned());
        }
        Ok(time)
    }

    /// Spread over all of them. Knuth, TAOCP volume 2, section 3.3.4.
    fn any_device(&mut self) -> u32 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.state >> 32).unwrap_or_default() % self.devices
    }
}

/// The path of the next page, if there is one.
fn next_page(answer: &[u8]) -> Result<Option<String>> {
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    let link = answer.get("@odata.nextLink").and_then(serde_json::Value::as_str);
    Ok(link.and_then(|link| Some(link.get(link.find(LIST)?..)?.to_owned())))
}

fn percentile_99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = times.len().saturating_mul(99).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}
