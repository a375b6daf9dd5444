//! `check`: what it takes to serve, one line each.

use std::io::{self, Write as _};

use lapwing_core::types::FileTime;
use lapwing_dpapi::gkdi::Interval;

use crate::{
    config::Config,
    directory::Keys,
    os,
    start::{self, Listeners, StartError},
};

/// Tests everything and tells it: whether all is well.
pub(crate) fn check(config: &Config) -> Result<bool, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| StartError::System { what: "start", source })?;
    let keytab = start::acceptor(&config.keytab)
        .map(|(_, machine)| format!("{} has keys of {}", config.keytab.display(), machine.principal()));
    let keys = runtime.block_on(start::keys(&config.ldapi));
    let directory = match &keys {
        Ok(keys) => Ok(format!("{} is the directory of {}", config.ldapi.display(), keys.names.domain)),
        Err(error) => Err(error.report()),
    };
    let lines = [
        ("keytab", keytab.map_err(|error| error.report())),
        ("directory", directory),
        (
            "root keys",
            keys.as_ref().map_or_else(|_| Err("not read".to_owned()), |keys| usable(keys, os::now())),
        ),
        ("address", address(config)),
    ];
    let mut out = io::stdout().lock();
    for (what, found) in &lines {
        let (sign, text) = match found {
            Ok(text) => ("ok", text),
            Err(text) => ("FAILED", text),
        };
        writeln!(out, "{sign:<6}  {what:<9}  {text}")
            .map_err(|source| StartError::System { what: "write to standard output", source })?;
    }
    Ok(lines.iter().all(|(_, found)| found.is_ok()))
}

/// Whether there is a root key by which something could be protected now: that which `gkdi::grant` takes.
fn usable(keys: &Keys, now: FileTime) -> Result<String, String> {
    let start = Interval::at(now).start();
    let damaged = keys.keys.iter().filter(|key| key.key.is_err()).count();
    let newest = keys.keys.iter().filter(|key| key.use_start <= start).max_by_key(|key| key.use_start);
    let next = keys.keys.iter().filter(|key| key.key.is_ok()).map(|key| key.use_start).min();
    match (newest.map(|newest| &newest.key), next) {
        (Some(Ok(key)), _) => {
            Ok(format!("{} in use, {} in all, {damaged} damaged", key.id(), keys.keys.len()))
        }
        (Some(Err(error)), _) => Err(format!(
            "the newest is the one to use, and cannot be used: {error}\n  next: `lapwing get-kds-root-key` lists them; \
             `lapwing add-kds-root-key` adds one that can"
        )),
        (None, None) => Err(format!(
            "there is none that can be used, and {damaged} damaged\n  next: `lapwing add-kds-root-key`, as a member of \
             Domain Admins of the forest's first domain"
        )),
        (None, Some(next)) => Err(format!(
            "the first may be used from {next} on\n  next: wait, or in a forest of one controller \
             `lapwing add-kds-root-key --effective-immediately`"
        )),
    }
}

/// A service that runs already holds its own address.
fn address(config: &Config) -> Result<String, String> {
    match Listeners::bind(config) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(StartError::Listen { address, source }) if source.kind() == io::ErrorKind::AddrInUse => {
            Ok(format!("{address} is taken: by lapwing-kds, if that runs"))
        }
        Err(error) => Err(error.report()),
    }
}
