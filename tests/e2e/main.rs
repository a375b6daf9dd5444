//! End to end: the real programs on a booted Debian host, judged by real log-ons over ssh.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

mod ad;
mod ad_admin;
mod ad_encrypted;
mod ad_rights;
mod automatic;
mod boot;
mod button;
mod certificate;
mod changes;
mod crash;
mod demo;
mod diagnostics;
mod domain;
mod entra;
mod fault;
mod front;
mod group_key;
mod group_policy;
mod kds;
mod late;
mod life;
mod locate;
mod log_on;
mod msldap;
mod oldest;
mod package;
mod policy;
mod secrets;
mod soak;
mod support;
mod tamper;
mod ways;
