//! `lapwing generate-docs`, hidden: writes man pages and completions from the command line's own definition.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    args::Cli,
    failure::{Code, Failure},
};

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes man pages into DIR/man and completions into DIR/completions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  lapwing generate-docs dist")]
pub(crate) struct Args {
    /// Where to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    write_all(&args.folder)
        .map_err(|error| Failure::new(Code::Failed, error, "name a folder that can be written"))
}

fn write_all(folder: &Path) -> io::Result<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut root = Cli::command();
    root.build();
    write_pages(&man, "lapwing", &root)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut Cli::command(), "lapwing", &completions)?;
    }
    Ok(())
}

/// One page per command, such as `lapwing-server-audit.1`.
fn write_pages(folder: &Path, name: &str, command: &Command) -> io::Result<()> {
    // Man pages are named with hyphens; clap wants names that live as long as the program.
    let titled =
        command.clone().name(name.to_owned().leak() as &'static str).version(env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    clap_mangen::Man::new(titled).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_pages(folder, &format!("{name}-{}", sub.get_name()), sub)?;
    }
    Ok(())
}
