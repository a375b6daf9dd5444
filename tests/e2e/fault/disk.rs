//! The file systems that hold the account's file and the journal are read-only or full.

use xtask::sys;

use super::{Complaint, SOON, Settled};

/// Puts a small file system with the same content over a folder. `$1` is the folder, `$2` the size.
const COVER: &str = r#"cover() {
    mkdir -p "/run/cover$1"
    mount -t tmpfs -o "mode=0755,size=$2" tmpfs "/run/cover$1"
    cp -a "$1/." "/run/cover$1"
    mount --bind "/run/cover$1" "$1"
}"#;

/// Writes until nothing more fits.
const FILL: &str = r#"fill() { ! dd if=/dev/zero of="$1/filler" bs=4k status=none; }"#;

/// Puts a small disk with the same content over a folder: what is lost with the boot would be refused for that. `$1` is the folder.
const COVER_WITH_DISK: &str = r#"cover() {
    [ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
    for at in $(seq 0 31); do [ -e "/dev/loop$at" ] || mknod "/dev/loop$at" b 7 "$at"; done
    mkdir -p "/run/cover$1"
    mount -o loop /root/disk "/run/cover$1"
    cp -a "$1/." "/run/cover$1"
    mount --bind "/run/cover$1" "$1"
}"#;

#[test]
fn a_read_only_etc_stops_the_change_until_it_is_writable() {
    let settled = Settled::new();
    settled.sh("mount --bind /etc /etc\nmount -o remount,bind,ro /etc");
    settled.complains(Complaint { event: 30010, next_step: "writable" });
    settled.sh("mount -o remount,bind,rw /etc");
    settled.heals(SOON);
}

#[test]
fn a_full_disk_under_the_account_files_stops_the_change_until_there_is_room() {
    let settled = Settled::new();
    let disk = settled.scene.lab.folder().join(".disk");
    let make = ["-q", "-t", "ext4", "-m", "0"];
    sys::run(sys::command("mke2fs").args(make).arg(&disk).arg("32m")).unwrap();
    settled.scene.host.copy_in(&disk, "/root/disk", 0o600).unwrap();
    // On another file system it is another host, as far as anybody there can tell.
    let adopt = "/usr/libexec/lapwing/lapwingd-priv adopt";
    settled.sh(&format!("{COVER_WITH_DISK}\n{FILL}\ncover /etc\n{adopt}\nfill /etc"));
    settled.complains(Complaint { event: 30010, next_step: "free some space or inodes" });
    settled.sh("rm /etc/filler");
    settled.heals(SOON);
}

#[test]
fn a_full_disk_under_the_journal_stops_the_change_until_there_is_room() {
    let settled = Settled::new();
    settled.sh(&format!("{COVER}\n{FILL}\ncover /var/lib/lapwing-priv 8m\nchmod 700 /var/lib/lapwing-priv\nfill /var/lib/lapwing-priv"));
    settled.complains(Complaint { event: 30010, next_step: "free some space or inodes" });
    settled.sh("rm /var/lib/lapwing-priv/filler");
    settled.heals(SOON);
}
