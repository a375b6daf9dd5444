use core::time::Duration;

use lapwing_dpapi::{
    RootKey,
    descriptor::security_descriptor,
    gkdi::{GroupKey, GroupKeyEnvelope, Interval, KdfParameters, Name, SecretAgreement},
};

use super::*;

/// Of a domain of Samba's, whose user alice is in its group readers; its origin stands beside it.
const ALICE: &[u8] = include_bytes!("../../../../lapwing-proto/src/ad/pac/fixtures/alice");

const NOW: &str = "2026-11-22T01:30:00Z";

fn now() -> FileTime {
    NOW.parse().unwrap()
}

fn keys() -> Vec<StoredRootKey> {
    let id = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
    let data: Vec<u8> = (0..64).collect();
    let hash = lapwing_dpapi::Hash::Sha512;
    let key = RootKey::new(id, KdfParameters::new(hash), SecretAgreement::windows_default(), &data).unwrap();
    let long_ago = "2025-01-01T00:00:00Z".parse().unwrap();
    vec![StoredRootKey { id, created: long_ago, use_start: long_ago, key: Ok(key) }]
}

fn caller() -> Caller {
    Caller { principal: "alice@LAPWING.TEST".to_owned(), logon_info: Some(ALICE.to_vec()) }
}

fn account() -> Sid {
    LogonInfo::parse(ALICE).unwrap().account
}

fn for_somebody(sid: &Sid) -> Request {
    Request { descriptor: security_descriptor(sid), root_key: None, interval: [-1; 3] }
}

fn admins() -> Sid {
    account().issuer().unwrap().with_relative_id(512).unwrap()
}

fn ask(caller: &Caller, request: &Request) -> Decision {
    ask_at(now(), caller, request)
}

fn ask_at(now: FileTime, caller: &Caller, request: &Request) -> Decision {
    let names = DomainNames {
        domain: Name::new("lapwing.test").unwrap(),
        forest: Name::new("lapwing.test").unwrap(),
    };
    decide(&keys(), &names, caller, request, now)
}

fn envelope(decision: &Decision) -> GroupKeyEnvelope {
    match &decision.answer {
        Answer::Envelope(bytes) => GroupKeyEnvelope::parse(bytes.expose_secret()).unwrap(),
        Answer::Refused(why) => panic!("{why}: {:?}", decision.record),
    }
}

#[test]
fn who_is_named_gets_seed_keys_and_the_log_says_so() {
    let decision = ask(&caller(), &for_somebody(&account()));
    assert!(matches!(envelope(&decision).key(), GroupKey::Below { .. }));
    let expected = Record {
        account: Some(account()),
        principal: Some(account()),
        root_key: Some(keys()[0].id),
        interval: [364, 18, 15],
        given: Some(Share::Seed),
        result: Hresult(0),
        why: None,
    };
    assert_eq!(decision.record, expected);
}

#[test]
fn everybody_else_gets_the_public_key_of_now_and_nothing_of_other_times() {
    let decision = ask(&caller(), &for_somebody(&admins()));
    assert!(matches!(envelope(&decision).key(), GroupKey::Public(_)));
    assert_eq!(decision.record.given, Some(Share::Public));
    assert_eq!(decision.record.principal, Some(admins()));
    let id = keys()[0].id;
    for (root_key, interval) in [(None, [364, 18, 15]), (Some(id), [364, 18, 15]), (Some(id), [364, 1, 1])] {
        let past = Request { root_key, interval, ..for_somebody(&admins()) };
        let decision = ask(&caller(), &past);
        assert!(matches!(decision.answer, Answer::Refused(Hresult::ACCESS_DENIED)), "{decision:?}");
        assert_eq!(decision.record.given, None);
    }
}

#[test]
fn whoever_opens_gets_what_leads_to_the_interval_asked_for() {
    let id = keys()[0].id;
    let past = Request { root_key: Some(id), interval: [364, 17, 3], ..for_somebody(&account()) };
    let found = envelope(&ask(&caller(), &past));
    assert_eq!(found.interval(), Interval::at(now()));
    assert!(found.seed(Interval::new(364, 17, 3).unwrap()).is_some());
    let soon = now().saturating_add(Duration::from_secs(20 * 60 * 60));
    let future = Request { interval: Interval::at(soon).indexes(), ..past };
    let decision = ask(&caller(), &future);
    assert!(matches!(decision.answer, Answer::Refused(Hresult::INVALID_ARGUMENT)), "{decision:?}");
}

#[test]
fn without_what_the_domain_says_of_groups_nobody_gets_anything() {
    let damaged = ALICE[..ALICE.len() - 8].to_vec();
    for logon_info in [None, Some(Vec::new()), Some(damaged)] {
        let decision = ask(&Caller { logon_info, ..caller() }, &for_somebody(&account()));
        assert!(matches!(decision.answer, Answer::Refused(Hresult::ACCESS_DENIED)), "{decision:?}");
        assert!(decision.record.account.is_none() && decision.record.why.is_some());
    }
}

#[test]
fn a_descriptor_that_is_not_plain_gets_nothing() {
    let mut request = for_somebody(&account());
    request.descriptor.push(0);
    let decision = ask(&caller(), &request);
    assert!(matches!(decision.answer, Answer::Refused(Hresult::INVALID_ARGUMENT)), "{decision:?}");
    assert_eq!(decision.record.account, Some(account()));
}

#[test]
fn an_unknown_root_key_is_told_apart() {
    let request = Request {
        root_key: Some(Guid::from_bytes([7; 16])),
        interval: [364, 1, 1],
        ..for_somebody(&account())
    };
    let decision = ask(&caller(), &request);
    assert!(matches!(decision.answer, Answer::Refused(Hresult::NO_KEY)), "{decision:?}");
}

#[test]
fn by_a_clock_that_is_wrong_nothing_is_given_of_a_future_or_of_a_time_before_the_root_key() {
    let own = for_somebody(&account());
    let given_now = envelope(&ask(&caller(), &own));
    // Clocks may differ by minutes at the end of an interval, and no further.
    let of_now = Request {
        root_key: Some(given_now.root_key_id()),
        interval: given_now.interval().indexes(),
        ..own.clone()
    };
    let begins = given_now.interval().start().ticks();
    let before = |gap: u64| FileTime::from_ticks(begins - gap * 10_000_000).unwrap();
    assert!(matches!(ask_at(before(4 * 60), &caller(), &of_now).answer, Answer::Envelope(_)));
    for behind in [before(6 * 60), before(400 * 24 * 60 * 60)] {
        let decision = ask_at(behind, &caller(), &of_now);
        assert!(matches!(decision.answer, Answer::Refused(Hresult::INVALID_ARGUMENT)), "{decision:?}");
        assert!(decision.record.given.is_none() && decision.record.why.is_some());
    }
    let decision = ask_at("2024-01-01T00:00:00Z".parse().unwrap(), &caller(), &own);
    assert!(matches!(decision.answer, Answer::Refused(Hresult::NO_KEY)), "{decision:?}");
    // What was protected by a clock that was ahead opens when that time has come.
    let ahead = now().saturating_add(Duration::from_secs(400 * 24 * 60 * 60));
    let given_then = envelope(&ask_at(ahead, &caller(), &own)).interval();
    let of_then = Request { interval: given_then.indexes(), ..of_now };
    let decision = ask(&caller(), &of_then);
    assert!(matches!(decision.answer, Answer::Refused(Hresult::INVALID_ARGUMENT)), "{decision:?}");
    assert!(envelope(&ask_at(ahead, &caller(), &of_then)).seed(given_then).is_some());
}
