use lapwing_proto::ad::pac::{LogonInfo, Membership};
use proptest::prelude::*;

use super::*;

const ADMINS: &str = "S-1-5-21-1-2-3-512";
const USERS: &str = "S-1-5-21-1-2-3-513";
const ALICE: &str = "S-1-5-21-1-2-3-1103";

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

fn token(groups: &[(&str, u32)]) -> Token {
    let groups =
        groups.iter().map(|(group, attributes)| Membership { group: sid(group), attributes: *attributes });
    Token::new(LogonInfo { account: sid(ALICE), groups: groups.collect() })
}

fn alice() -> Token {
    token(&[(USERS, 7)])
}

fn admin() -> Token {
    token(&[(USERS, 7), (ADMINS, 7)])
}

fn ace(code: u8, mask: u32, trustee: &str) -> Vec<u8> {
    let sid = sid(trustee).to_bytes();
    [&[code, 0, u8::try_from(8 + sid.len()).unwrap(), 0], &mask.to_le_bytes()[..], &sid].concat()
}

fn allow(mask: u32, trustee: &str) -> Vec<u8> {
    ace(0, mask, trustee)
}

fn deny(mask: u32, trustee: &str) -> Vec<u8> {
    ace(1, mask, trustee)
}

/// List, owner, group, in the order of the descriptors that protect passwords.
fn descriptor(aces: &[Vec<u8>]) -> Vec<u8> {
    let (body, system) = (aces.concat(), Sid::local_system().to_bytes());
    let acl_len = u16::try_from(8 + body.len()).unwrap();
    let owner = 20 + u32::from(acl_len);
    let mut bytes = PLAIN.to_vec();
    bytes.extend([owner, owner + 12, 0, 20].iter().flat_map(|offset| offset.to_le_bytes()));
    bytes.extend([2, 0]);
    bytes.extend(acl_len.to_le_bytes());
    bytes.extend(u16::try_from(aces.len()).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    [body, system.clone(), system].iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

fn for_admins() -> Vec<u8> {
    descriptor(&[allow(3, ADMINS), allow(2, "S-1-1-0")])
}

fn share(descriptor: &[u8], token: &Token) -> Option<Share> {
    check(descriptor, token).unwrap().share
}

#[test]
fn who_is_named_has_seed_keys_and_everybody_else_the_public_key() {
    let bytes = for_admins();
    assert_eq!(bytes, lapwing_dpapi::descriptor::security_descriptor(&sid(ADMINS)));
    assert_eq!(
        check(&bytes, &admin()),
        Ok(Checked { share: Some(Share::Seed), principal: Some(sid(ADMINS)) })
    );
    assert_eq!(
        check(&bytes, &alice()),
        Ok(Checked { share: Some(Share::Public), principal: Some(sid(ADMINS)) })
    );
    // The account itself, by each of the names that everybody has.
    for own in [ALICE, USERS, "S-1-1-0", "S-1-5-11", "S-1-5-2"] {
        assert_eq!(share(&descriptor(&[allow(3, own)]), &alice()), Some(Share::Seed), "{own}");
    }
    for foreign in [ADMINS, "S-1-5-18", "S-1-5-7", "S-1-5-21-1-2-4-1103", "S-1-5-21-1-2-3"] {
        assert_eq!(share(&descriptor(&[allow(3, foreign)]), &alice()), None, "{foreign}");
    }
}

#[test]
fn the_first_entry_about_a_right_decides() {
    let table: [(&[Vec<u8>], Option<Share>); 10] = [
        (&[], None),
        (&[allow(1, ADMINS)], None),
        (&[allow(2, ADMINS)], Some(Share::Public)),
        (&[allow(1, ADMINS), allow(2, USERS)], Some(Share::Seed)),
        (&[deny(1, USERS), allow(3, ADMINS)], Some(Share::Public)),
        (&[deny(2, USERS), allow(3, ADMINS)], None),
        (&[allow(3, ADMINS), deny(3, USERS)], Some(Share::Seed)),
        (&[allow(1, ADMINS), deny(3, USERS), allow(3, ADMINS)], None),
        (&[deny(3, ALICE), allow(3, "S-1-1-0")], None),
        (&[deny(0xc, ALICE), allow(0x1f_ffff, ADMINS)], Some(Share::Seed)),
    ];
    for (aces, expected) in table {
        assert_eq!(share(&descriptor(aces), &admin()), expected, "{aces:?}");
    }
}

#[test]
fn a_group_that_does_not_count_grants_nothing_and_still_denies() {
    for attributes in [0, 3, 0x10, 0x14, 0x17] {
        let token = token(&[(USERS, 7), (ADMINS, attributes)]);
        assert_eq!(share(&for_admins(), &token), Some(Share::Public), "{attributes:#x}");
        let denied = descriptor(&[allow(3, USERS), deny(1, ADMINS)]);
        assert_eq!(share(&denied, &token), Some(Share::Public), "{attributes:#x}");
    }
}

#[test]
fn that_of_group_managed_accounts_is_weighed_too() {
    // O:SYD:(A;;FRFW;;;S-1-5-9). [MS-GKDI] 3.1.4.1; it has no group.
    let mut bytes = PLAIN.to_vec();
    bytes.extend([48, 0, 0, 20_u32].iter().flat_map(|offset| offset.to_le_bytes()));
    bytes.extend([2, 0, 28, 0, 1, 0, 0, 0]);
    bytes.extend(allow(0x12_019f, "S-1-5-9"));
    bytes.extend(Sid::local_system().to_bytes());
    assert_eq!(bytes.len(), 60);
    assert_eq!(share(&bytes, &token(&[("S-1-5-9", 7)])), Some(Share::Seed));
    assert_eq!(share(&bytes, &admin()), None);
}

#[test]
fn whatever_could_mean_two_things_is_refused() {
    let plain = for_admins();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = plain.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let no_list = {
        let mut bytes = plain.clone();
        bytes.drain(20..84);
        bytes
    };
    let u32 = u32::to_le_bytes;
    let null_list = {
        let mut bytes = no_list.clone();
        bytes[4..20].copy_from_slice(&[u32(20), u32(32), u32(0), u32(0)].concat());
        bytes
    };
    let behind = [&plain[..], &[0; 4]].concat();
    let overlap = with(8, &u32(88));
    let no_end = with(4, &u32(200));
    let object = |code: u8| {
        let mut entry = allow(3, ADMINS);
        entry[0] = code;
        entry.splice(8..8, [0; 4]);
        entry[2] += 4;
        descriptor(&[entry])
    };
    let flagged = |flags: u8| {
        let mut entry = allow(3, ADMINS);
        entry[1] = flags;
        descriptor(&[entry])
    };
    let longer = {
        let mut entry = allow(3, ADMINS);
        entry.extend([0; 4]);
        entry[2] += 4;
        descriptor(&[entry])
    };
    let conditional = {
        let mut entry = allow(3, ADMINS);
        entry[0] = 9;
        descriptor(&[entry])
    };
    let unknown = [2, 3, 4, 8, 0x11, 0x13, 0x14, 0xff].map(|code| descriptor(&[ace(code, 3, ADMINS)]));
    let unused = {
        // The list says that it has four bytes more than its entries.
        let mut entry = allow(2, "S-1-1-0");
        entry.extend([0; 4]);
        descriptor(&[allow(3, ADMINS), entry])
    };
    let control = [0x8006, 0x8014, 0x8404, 0x0004, 0xc004_u16].map(|control| with(2, &control.to_le_bytes()));
    let generic = [0x1000_0003, 0x8000_0003, 0x4000_0003, 0x2000_0003]
        .map(|mask| descriptor(&[deny(mask, USERS), allow(3, ADMINS)]));
    let long = {
        let mut all = vec![allow(3, ADMINS)];
        all.resize(200, allow(2, ALICE));
        descriptor(&all)
    };
    let all = [
        no_list,
        null_list,
        behind,
        overlap,
        no_end,
        object(5),
        object(6),
        longer,
        conditional,
        unused,
        long,
    ]
    .into_iter()
    .chain([1, 2, 4, 8, 0x10, 0x40].map(flagged))
    .chain([with(0, &[2]), with(1, &[1]), Vec::new(), vec![0; 4096]])
    .chain(unknown)
    .chain(control)
    .chain(generic);
    for (number, bytes) in all.enumerate() {
        assert!(check(&bytes, &admin()).is_err(), "{number}: {bytes:x?}");
    }
    for len in 0..plain.len() {
        check(&plain[..len], &admin()).unwrap_err();
    }
}

#[test]
fn a_descriptor_of_4_kib_is_the_longest() {
    let sid = "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15";
    let small = allow(3, sid).len();
    let mut aces = vec![allow(3, sid); (DESCRIPTOR_LEN_MAX - 52) / small];
    assert!(check(&descriptor(&aces), &admin()).is_ok());
    aces.push(allow(3, sid));
    assert!(matches!(check(&descriptor(&aces), &admin()), Err(AccessError::TooLong(_))));
}

proptest! {
    /// Against the rule itself, written once more: bits are decided one by one, by the first entry that is about them.
    #[test]
    fn rights_are_those_of_the_rule(entries: Vec<(bool, u8, u8)>) {
        let names = [ALICE, USERS, ADMINS, "S-1-1-0", "S-1-5-18", "S-1-5-9"];
        let token = alice();
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(denies, mask, name)| (denies, u32::from(mask & 7), names[usize::from(name) % names.len()]))
            .take(60)
            .collect();
        let aces: Vec<_> =
            entries.iter().map(|(denies, mask, name)| ace(u8::from(*denies), *mask, name)).collect();
        let has = |bit: u32| {
            let first = entries.iter().find(|(_, mask, name)| {
                mask & bit != 0 && [ALICE, USERS, "S-1-1-0"].contains(name)
            });
            first.is_some_and(|(denies, ..)| !denies)
        };
        let expected = match (has(1), has(2)) {
            (true, true) => Some(Share::Seed),
            (false, true) => Some(Share::Public),
            (_, false) => None,
        };
        prop_assert_eq!(share(&descriptor(&aces), &token), expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_changed_gives_nobody_more(bytes: Vec<u8>, at in 0_usize..108, byte: u8) {
        drop(check(&bytes, &admin()));
        let plain = for_admins();
        let mut changed = plain.clone();
        changed[at] = byte;
        // One byte more in the entry of admins does not make it one of somebody else's groups.
        let share = check(&changed, &alice()).ok().and_then(|checked| checked.share);
        let is_users = changed == descriptor(&[allow(3, USERS), allow(2, "S-1-1-0")]);
        let is_mask = changed == descriptor(&[allow(3, ADMINS), allow(u32::from(byte), "S-1-1-0")]);
        prop_assert!(share != Some(Share::Seed) || is_users || is_mask, "{changed:x?}");
        drop(check(&[&plain[..at], &bytes].concat(), &admin()));
    }
}
