//! Every developer command of Lapwing: `cargo xtask --help`.

fn main() {}
