//! A rotation, and each of its parts that happens on this host, done alone.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use lapwing_core::{
    local::{FRAME_END, agent, root_half},
    types::Guid,
};
use serde_json::json;

use crate::os;

const ROOT_HALF: &str = "/usr/libexec/lapwing/lapwingd-priv";
/// As long as a generated password.
const PASSWORD: &[u8] = b"Tr0ub4dor&3-staple.xy";

/// A whole rotation: from the call of `lapwing reset-password` to its answer, which comes after the verified commit.
pub(crate) fn rotate() -> Result<Duration> {
    let begun = os::now();
    let answer =
        call(agent::SOCKET_PATH, &json!({ "method": format!("{}.ResetPassword", agent::INTERFACE) }))?;
    let time = begun.elapsed();
    let result = answer.pointer("/parameters/outcome/result").and_then(serde_json::Value::as_str);
    ensure!(result == Some("rotated"), "the agent did not rotate: {answer}");
    Ok(time)
}

/// Hashing as the root half does it: once to get the hash, once to see that the host's `crypt()` accepts it. Method and
/// cost are those of the account's own hash; perl, started beforehand, calls the host's libcrypt.
pub(crate) fn hash_and_verify(account: &str) -> Result<Duration> {
    const SCRIPT: &str = r"$| = 1;
        my $hash = (getpwnam $ARGV[0])[1];
        print qq(ready\n);
        chomp(my $password = <STDIN>);
        my $new = crypt($password, $hash);
        print crypt($password, $new) eq $new ? qq(done\n) : qq(refused\n);";
    let mut perl = os::command("/usr/bin/perl");
    let mut child =
        perl.args(["-e", SCRIPT, account]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("perl has no standard input")?;
    let mut said = BufReader::new(child.stdout.take().context("perl has no standard output")?).lines();
    ensure!(said.next().transpose()?.as_deref() == Some("ready"), "perl does not start");
    let begun = os::now();
    stdin.write_all(PASSWORD)?;
    // The end of the password.
    drop(stdin);
    let outcome = said.next().transpose()?;
    let time = begun.elapsed();
    child.wait()?;
    ensure!(outcome.as_deref() == Some("done"), "the host's crypt() refuses its own hash");
    Ok(time)
}

/// The host's PAM stack asked about a password, by the very child that the root half starts for it.
pub(crate) fn dry_run(account: &str) -> Result<Duration> {
    let begun = os::now();
    let mut root_half = os::command(ROOT_HALF);
    root_half.args(["try-password", "--root", "/", "--account", account]);
    let mut child = root_half.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("the root half has no standard input")?.write_all(PASSWORD)?;
    let output = child.wait_with_output()?;
    let time = begun.elapsed();
    let verdict = String::from_utf8_lossy(&output.stdout);
    ensure!(verdict == r#""Accepted""#, "the host's rules say {verdict}");
    Ok(time)
}

/// One activation of the root half with nothing to do: it refuses a question of a run that never began.
pub(crate) fn activation() -> Result<Duration> {
    let run = Guid::random(&mut os::rng()).to_string();
    let request = root_half::Request::State(root_half::InRun { run });
    let begun = os::now();
    let answer = call(root_half::SOCKET_PATH, &serde_json::to_value(&request)?)?;
    let time = begun.elapsed();
    ensure!(answer.get("error").is_some(), "the root half answered a run that never began: {answer}");
    Ok(time)
}

/// What a rotation writes durably: the journal three times (candidate, acknowledgement, commit), the account file once,
/// each by a new file that is synced and renamed, its folder synced after. Same sizes, same folders.
pub(crate) fn durable_writes() -> Result<Duration> {
    let journal = fs::read("/var/lib/lapwing-priv/journal")?;
    let shadow = fs::read("/etc/shadow")?;
    // The bytes play no part, and hashes have no business in a second file.
    let blank = |file: &[u8]| vec![b'x'; file.len()];
    let (journal, shadow) = (blank(&journal), blank(&shadow));
    let begun = os::now();
    replace("/var/lib/lapwing-priv", &journal)?;
    replace("/var/lib/lapwing-priv", &journal)?;
    replace("/etc", &shadow)?;
    replace("/var/lib/lapwing-priv", &journal)?;
    Ok(begun.elapsed())
}

fn replace(folder: &str, content: &[u8]) -> Result<()> {
    let folder = Path::new(folder);
    let new = folder.join(".bench.new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(".bench"))?;
    Ok(File::open(folder)?.sync_all()?)
}

/// One call and its answer. Varlink, "Message format".
fn call(socket: &str, message: &serde_json::Value) -> Result<serde_json::Value> {
    let mut stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {socket}"))?;
    let mut frame = serde_json::to_vec(message)?;
    frame.push(FRAME_END);
    stream.write_all(&frame)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while answer.last() != Some(&FRAME_END) {
        let read = stream.read(&mut chunk)?;
        ensure!(read > 0, "{socket}: the connection ended before its answer");
        answer.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    answer.pop();
    Ok(serde_json::from_slice(&answer)?)
}
