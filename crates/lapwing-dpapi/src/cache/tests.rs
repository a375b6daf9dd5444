use core::time::Duration;

use super::*;
use crate::{
    gkdi::{DomainNames, Flags, Share},
    samples::{own_sid, root_key},
};

fn domain() -> Name {
    Name::new("lab.example").unwrap()
}

fn at(l0: i32, l1: i32, l2: i32) -> Interval {
    Interval::new(l0, l1, l2).unwrap()
}

fn envelope(interval: Interval, share: Share, may_protect: bool) -> GroupKeyEnvelope {
    let key = root_key!("own_ecdh_p256");
    key.envelope(b"descriptor", interval, share, may_protect, DomainNames::default()).unwrap()
}

fn identifier(interval: Interval) -> KeyIdentifier {
    KeyIdentifier {
        flags: Flags::new(false, true),
        interval,
        root_key_id: root_key!("own_ecdh_p256").id(),
        key_info: Vec::new(),
        names: DomainNames::default(),
    }
}

#[test]
fn a_public_key_serves_until_its_ten_hours_are_over_and_opens_nothing() {
    let (mut cache, interval) = (KeyCache::default(), at(364, 18, 15));
    let start = interval.start();
    cache.insert(domain(), own_sid(), envelope(interval, Share::Public, true), start);
    let last = FileTime::from_ticks(interval.end().ticks() - 1).unwrap();
    assert!(cache.to_unprotect(&domain(), &own_sid(), &identifier(interval), start).is_none());
    assert!(cache.to_protect(&domain(), &Sid::everyone(), start).is_none());
    assert!(cache.to_protect(&Name::default(), &own_sid(), start).is_none());
    assert!(cache.to_protect(&domain(), &own_sid(), last).is_some());
    assert!(cache.to_protect(&domain(), &own_sid(), interval.end()).is_none());
    assert!(cache.keys.is_empty(), "what is over is dropped");
}

#[test]
fn seed_keys_open_what_they_lead_to_until_the_ten_hours_in_which_they_came_are_over() {
    let (mut cache, now) = (KeyCache::default(), at(364, 18, 15).start());
    cache.insert(domain(), own_sid(), envelope(at(361, 31, 31), Share::Seed, false), now);
    let mut opens = |interval: Interval, now: FileTime| {
        cache.to_unprotect(&domain(), &own_sid(), &identifier(interval), now).is_some()
    };
    assert!(opens(at(361, 0, 0), now) && opens(at(361, 31, 31), now));
    assert!(!opens(at(360, 31, 31), now) && !opens(at(362, 0, 0), now));
    let hours = |hours: u64| now.saturating_add(Duration::from_secs(hours * 3600));
    assert!(opens(at(361, 3, 4), hours(9)) && !opens(at(361, 3, 4), hours(10)));
    assert!(cache.keys.is_empty(), "what is over is dropped");
}

#[test]
fn a_key_that_was_asked_for_to_open_something_protects_nothing() {
    let (mut cache, now) = (KeyCache::default(), at(364, 18, 15));
    cache.insert(domain(), own_sid(), envelope(now, Share::Seed, false), now.start());
    assert!(cache.to_protect(&domain(), &own_sid(), now.start()).is_none());
    cache.insert(domain(), own_sid(), envelope(now, Share::Seed, true), now.start());
    assert!(cache.to_protect(&domain(), &own_sid(), now.start()).is_some());
    assert_eq!(cache.keys.len(), 1, "the second has taken the place of the first");
}

#[test]
fn a_key_of_a_controller_whose_clock_is_ahead_serves() {
    let (mut cache, now) = (KeyCache::default(), at(364, 18, 15).start());
    cache.insert(domain(), own_sid(), envelope(at(364, 18, 16), Share::Public, true), now);
    assert!(cache.to_protect(&domain(), &own_sid(), now).is_some());
}

#[test]
fn no_more_keys_are_kept_than_the_bound_says() {
    let (mut cache, now) = (KeyCache::default(), at(364, 18, 15).start());
    for l0 in 0..=64 {
        cache.insert(domain(), own_sid(), envelope(at(l0, 31, 31), Share::Seed, false), now);
    }
    assert_eq!(cache.keys.len(), KEYS_MAX);
    assert!(cache.to_unprotect(&domain(), &own_sid(), &identifier(at(0, 0, 0)), now).is_none());
    assert!(cache.to_unprotect(&domain(), &own_sid(), &identifier(at(1, 0, 0)), now).is_some());
}
