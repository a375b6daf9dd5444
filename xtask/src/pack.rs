//! `cargo xtask package`: packages that people can install.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use xtask::package::{self, Form, Order};
use xtask::programs::{self, Build};
use xtask::sys;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask package
  cargo xtask package --version 0.2.0 --out /tmp/packages
  cargo xtask package --debug        fast, to try them

Prints the files, in the order in which they can be installed. docs/packages.md says how, and what becomes of a host.")]
pub(crate) struct Pack {
    /// Their version
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    version: String,
    /// Where they go, if not into target/packages
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take unoptimised programs, and compress less
    #[arg(long)]
    debug: bool,
}

pub(crate) fn run(pack: &Pack) -> Result<()> {
    crate::setup::for_packaging()?;
    let programs = if pack.debug { programs::build(Build::Plain)? } else { programs::shipped()? };
    let out =
        std::path::absolute(pack.out.clone().unwrap_or_else(|| sys::workspace().join("target/packages")))?;
    let order =
        Order { programs: &programs, version: &pack.version, out: &out, names: &[], is_small: !pack.debug };
    for form in [Form::Deb, Form::Rpm] {
        for file in package::make(&order, form)? {
            println!("{}", file.display());
        }
    }
    Ok(())
}
