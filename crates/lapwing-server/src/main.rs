//! `lapwing-server`; see the library for what it is.

use std::process::ExitCode;

fn main() -> ExitCode {
    lapwing_server::main()
}
