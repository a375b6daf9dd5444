//! A clock is wrong by a year: that of the device's programs, or that of the server. The machine's own is never touched.

use xtask::scene::{PORT, Scene};

use super::{Complaint, ONE_CYCLE, Settled};

/// Both keep their ordinary clock for measuring time, and no state is shared between processes.
const FAKING: [(&str, &str); 2] = [("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_DISABLE_SHM", "1")];

/// A year ahead, and a year behind.
const SHIFTS: [&str; 2] = ["+365d", "-365d"];

/// The server's certificate is not valid at such a time.
const NOT_TRUSTED: Complaint = Complaint { event: 30020, next_step: "clock" };

pub(crate) fn environment(shift: &'static str) -> [(&'static str, &'static str); 4] {
    let [monotonic, shared] = FAKING;
    [("LD_PRELOAD", LIBRARY), ("FAKETIME", shift), monotonic, shared]
}

#[cfg(target_arch = "x86_64")]
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
#[cfg(target_arch = "aarch64")]
const LIBRARY: &str = "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn a_device_whose_clock_is_wrong_by_a_year_says_so_and_goes_on_once_it_is_right() {
    let mut settled = Settled::new();
    for shift in SHIFTS {
        set_wrong(&settled, shift);
        settled.complains(NOT_TRUSTED);
        set_right(&settled);
        // A restart forgets the request, but nothing that matters.
        settled.sh("lapwing reset-password");
        settled = settled.heals(ONE_CYCLE);
    }
}

#[test]
fn an_expiry_that_a_wrong_clock_has_set_is_corrected_once_the_clock_is_right() {
    let settled = Settled::new();
    // Little enough for the server's certificate to be valid.
    set_wrong(&settled, "+20d");
    settled.sh("lapwing reset-password");
    let settled = settled.heals(ONE_CYCLE);
    assert_ne!(settled.sh("journalctl --quiet --output=cat EVENT_ID=30021"), "", "the clock was not noticed");
    set_right(&settled);
    // Nobody asks: an expiry later than policy allows is reason enough.
    settled.heals(ONE_CYCLE);
}

/// Gives both of the device's programs a clock that is off by `shift`.
fn set_wrong(settled: &Settled, shift: &'static str) {
    set(&settled.scene, shift, None);
}

/// The same, with a point at which the agent is to die.
pub(crate) fn set(scene: &Scene, shift: &'static str, fail_point: Option<&str>) {
    let lines: String =
        environment(shift).iter().map(|(name, value)| format!("Environment={name}={value}\n")).collect();
    let point = fail_point.map(|point| format!("Environment=LAPWING_FAILPOINT={point}\n"));
    for (unit, point) in [("lapwingd.service", point.as_deref()), ("lapwing-priv@.service", None)] {
        let file = format!("/etc/systemd/system/{unit}.d/clock.conf");
        let text = format!("[Service]\n{lines}{}", point.unwrap_or_default());
        scene.host.write(&file, 0o644, text.as_bytes()).unwrap();
    }
    let restart = "systemctl daemon-reload; systemctl restart lapwingd.service";
    scene.host.run(&["sh", "-euc", restart]).unwrap();
}

fn set_right(settled: &Settled) {
    settled.sh("rm /etc/systemd/system/lapwing*.d/clock.conf");
    settled.sh("systemctl daemon-reload; systemctl restart lapwingd.service");
}

#[test]
fn a_server_whose_clock_is_wrong_by_a_year_is_not_trusted_until_it_is_right() {
    let mut settled = Settled::new();
    for shift in SHIFTS {
        settled.scene.kill_server().unwrap();
        settled.scene.start_server_with(PORT, &environment(shift)).unwrap();
        settled.complains(NOT_TRUSTED);
        settled.scene.kill_server().unwrap();
        settled.scene.start_server(None).unwrap();
        settled = settled.heals(ONE_CYCLE);
    }
}
