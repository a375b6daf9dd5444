//! One round of the soak; `cargo xtask soak` runs many.

use xtask::programs::{self, Build};
use xtask::{os, soak};

#[test]
fn a_host_that_was_killed_cut_off_and_rebooted_at_random_ends_with_the_one_password_that_the_directory_tells()
{
    let programs = programs::build(Build::WithFailPoints).unwrap();
    // Printed in any failure, with how to repeat it.
    let seed = os::seed();
    soak::round(&programs, seed).unwrap_or_else(|error| panic!("{error:#}"));
}
