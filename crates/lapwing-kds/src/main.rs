//! `lapwing-kds`: gives a domain of Samba's the group keys by which passwords are encrypted. [MS-GKDI].
//!
//! It runs on a domain controller, beside Samba, reads the forest's root keys from there, and answers GetKey: to whom a
//! security descriptor names with keys that open, to everybody else of the domain with a key that only protects.
//!
//! INVARIANT: no key reaches anybody who has not proved who they are by a ticket of this domain, whose groups were told by
//! the domain and vouched for with the service's key, and weighed against the very bytes that went into the key. No key is
//! logged, and none is written to a file.
#![forbid(unsafe_code)]

mod check;
mod cli;
mod config;
mod directory;
mod log;
mod os;
mod rules;
mod run;
mod serve;
mod start;

use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes every block that is freed, so that no library's buffer keeps a key.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    cli::main()
}
