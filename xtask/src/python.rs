//! Python programs that judge from outside, each in an environment of its own that `cargo xtask setup` makes. An environment is
//! named by what is in it, so that other versions make another one.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::lab;

/// Microsoft's own clients of Graph.
pub const GRAPH: &str = "azure-identity==1.27.0,msgraph-beta-sdk==1.66.0,msgraph-sdk==1.65.0";
/// Drives Debian's browser, and judges pages by axe-core, which it brings.
pub const BROWSER: &str = "axe-playwright-python==0.1.8,playwright==1.65.2";
/// Tests an HTTP interface against its description.
pub const HTTP: &str = "schemathesis==4.32.5";
/// Reads Active Directory without any code of ours or of Samba's.
pub const MSLDAP: &str = "msldap==0.5.15";
/// Protects and unprotects as DPAPI-NG does, asks for group keys over the network, and makes tickets that no domain would.
pub const DPAPI_NG: &str = "dpapi-ng[kerberos]==0.2.0,impacket==0.13.1";

/// Where an environment is, or will be.
///
/// # Errors
/// When this machine has no folder for what is kept.
pub fn folder(packages: &str) -> Result<PathBuf> {
    Ok(lab::cache()?.join("python").join(packages))
}

/// The interpreter of an environment.
///
/// # Errors
/// When it has not been made.
pub fn interpreter(packages: &str) -> Result<PathBuf> {
    let folder = folder(packages)?;
    ensure!(folder.join("complete").exists(), "{} is missing\nnext: cargo xtask setup", folder.display());
    Ok(folder.join("bin/python"))
}
