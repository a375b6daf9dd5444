//! What must hold for the whole process.

use std::alloc::System;

/// Wipes memory when it is freed, so that clear text that passed through a library's buffer does not stay.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<System> = zeroizing_alloc::ZeroAlloc(System);
