//! Measures protecting and opening a password, the primitives of both alone, and the same by a peer; started by
//! `cargo xtask bench`.
//!
//! Standard output gets one JSON object of series in milliseconds.

mod os;
mod primitives;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use lapwing_core::{
    secret::SecretBytes,
    types::{FileTime, Sid},
};
use lapwing_dpapi::{
    Blob, GroupKeyEnvelope, Interval, Placement, RootKey,
    descriptor::security_descriptor,
    gkdi::{DomainNames, Share},
    key_file, laps, protect, unprotect,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Value, json};

use crate::primitives::Primitives;

const USAGE: &str = "usage: dpapi ROUNDS EACH PYTHON PEER
Started by `cargo xtask bench`.";
const TEXT: &str = r#"{"n":"Administrator","t":"1da934a349b798e","p":"a998aoEUUXxO32"}"#;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [rounds, each, python, peer] => {
            let series = measure(rounds.parse()?, each.parse()?, python, peer)?;
            println!("{}", json!(series));
        }
        // Cargo's own test and bench runners start every target without a name.
        [] | ["--bench", ..] => println!("{USAGE}"),
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

/// What is kept while a key is cached: the public key, seed keys, and something protected.
struct Scene {
    root_key: RootKey,
    sid: Sid,
    plain: SecretBytes,
    public: GroupKeyEnvelope,
    seed: GroupKeyEnvelope,
    blob: Vec<u8>,
}

impl Scene {
    fn new(rng: &mut ChaCha20Rng) -> Result<Self> {
        let root_key = RootKey::generate(rng);
        let sid: Sid = "S-1-5-21-1111111111-2222222222-3333333333-512".parse()?;
        let interval = Interval::at(FileTime::UNIX_EPOCH);
        let descriptor = security_descriptor(&sid);
        let envelope = |share| root_key.envelope(&descriptor, interval, share, true, DomainNames::default());
        let (public, seed) = (envelope(Share::Public)?, envelope(Share::Seed)?);
        let plain = laps::encode_text(TEXT);
        let blob = protect(&plain, &sid, &public, Placement::Appended, rng)?.to_bytes();
        Ok(Self { root_key, sid, plain, public, seed, blob })
    }

    fn to_json(&self) -> Result<Value> {
        Ok(json!({
            "key_file": serde_json::from_slice::<Value>(key_file::write(&self.root_key).expose_secret())?,
            "sid": self.sid.to_string(),
            "plain": hex(self.plain.expose_secret()),
            "envelope": hex(self.public.to_bytes().expose_secret()),
            "blob": hex(&self.blob),
        }))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Python program that does the same.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str, script: &str, scene: &Scene) -> Result<Self> {
        let mut command = os::command(python);
        command.args(["-I", "-B", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start Python")?;
        let mut input = child.stdin.take().context("the peer has no standard input")?;
        let output = BufReader::new(child.stdout.take().context("the peer has no standard output")?);
        writeln!(input, "{}", scene.to_json()?)?;
        Ok(Self { child, input, output })
    }

    /// Milliseconds of one protection and one opening, each done so often.
    fn measure(&mut self, each: u32) -> Result<[f64; 2]> {
        writeln!(self.input, "{each}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        numbers.try_into().map_err(|_| anyhow!("the peer has failed"))
    }

    fn end(mut self) -> Result<()> {
        drop(self.input);
        ensure!(self.child.wait()?.success(), "the peer has failed");
        Ok(())
    }
}

/// Milliseconds of one of so many.
fn milliseconds(each: u32, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = os::now();
    for _ in 0..each {
        work()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1000.0 / f64::from(each))
}

fn measure(rounds: u32, each: u32, python: &str, peer: &str) -> Result<BTreeMap<&'static str, Vec<f64>>> {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let scene = Scene::new(&mut rng)?;
    let primitives = Primitives::new(scene.plain.expose_secret());
    let mut peer = Peer::start(python, peer, &scene)?;
    let mut series = BTreeMap::<_, Vec<f64>>::new();
    // One round more comes first and only warms up.
    for round in 0..=rounds {
        let protecting = milliseconds(each, || {
            let blob = protect(&scene.plain, &scene.sid, &scene.public, Placement::Appended, &mut rng)?;
            std::hint::black_box(blob.to_bytes());
            Ok(())
        })?;
        let opening = milliseconds(each, || {
            let plain = unprotect(&Blob::parse(&scene.blob)?, &scene.seed)?;
            ensure!(plain.expose_secret() == scene.plain.expose_secret(), "another text was opened");
            Ok(())
        })?;
        let protecting_parts = milliseconds(each, || primitives.protect())?;
        let opening_parts = milliseconds(each, || primitives.unprotect())?;
        let [peer_protecting, peer_opening] = peer.measure(each)?;
        let found = [
            ("protect", protecting),
            ("unprotect", opening),
            ("protect_parts", protecting_parts),
            ("unprotect_parts", opening_parts),
            ("protect_peer", peer_protecting),
            ("unprotect_peer", peer_opening),
        ];
        if round > 0 {
            found.into_iter().for_each(|(name, value)| series.entry(name).or_default().push(value));
        }
    }
    peer.end()?;
    Ok(series)
}
