//! Log-ons within one process, by a program in C that asks PAM as `sshd` and `su` do, with `pam_lapwing.so` in its stack and
//! without: `benches/pam/transactions.c`. It runs with a `/run` of its own, where an account is managed and an agent listens.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::lab::remove_folder;
use crate::sys;

/// Run in a mount namespace of its own, before the program.
const RUN: &str = r#"set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lapwing /run/lapwing-priv /run/lapwingd
echo lapadmin >/run/lapwing-priv/accounts
: >/run/lapwingd/protect
exec "$@""#;

/// What one transaction takes, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Without the module.
    pub without: f64,
    /// With it.
    pub with: f64,
}

/// Makes `count` pairs of transactions. `folder` is used for what that takes, and removed. `under` is a program that runs the other, and
/// its arguments; with `changes` each transaction also asks for another password.
///
/// # Errors
/// When a transaction goes wrong or leaves something behind, or the program that it runs under complains.
pub fn run(module: &Path, folder: &Path, under: &[&str], count: u32, changes: bool) -> Result<Vec<Times>> {
    let services = folder.join("services");
    fs::create_dir_all(&services)?;
    let permit = ["auth", "account", "session", "password"]
        .map(|facility| format!("{facility} required pam_permit.so\n"));
    let module = module.display();
    let ours =
        ["auth", "account", "session"].map(|facility| format!("{facility} [default=ignore] {module}\n"));
    let guard = format!("password [perm_denied=die default=ignore] {module}\n");
    fs::write(services.join("without"), permit.concat())?;
    fs::write(services.join("with"), ours.concat() + &guard + &permit.concat())?;
    let program = folder.join("transactions");
    let source = sys::workspace().join("benches/pam/transactions.c");
    sys::run(
        sys::command("cc")
            .args(["-O2", "-g", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(source)
            .arg("-lpam"),
    )?;

    let mut command = sys::command("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", RUN, "run"]).args(under);
    command.arg(&program).arg(&services).arg(count.to_string()).args(changes.then_some("change"));
    let printed = sys::text(&mut command)?;
    remove_folder(folder)?;
    printed.lines().map(times).collect()
}

fn times(line: &str) -> Result<Times> {
    let (without, with) =
        line.split_once(' ').context("the program printed something else than two times")?;
    let ms = |text: &str| text.parse::<f64>().map(|nanoseconds| nanoseconds / 1e6);
    Ok(Times { without: ms(without)?, with: ms(with)? })
}
