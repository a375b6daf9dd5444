use proptest::prelude::*;

use super::*;

/// Of a domain of Samba's; `ORIGIN.md` beside it.
const ALICE: &[u8] = include_bytes!("fixtures/alice");

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

/// Writes the structure as a domain does, with a referent for whatever is there.
#[derive(Default)]
struct Written {
    fixed: Vec<u8>,
    deferred: Vec<u8>,
    pointers: u32,
}

impl Written {
    fn fixed(&mut self, numbers: &[u32]) -> &mut Self {
        self.fixed.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self
    }

    fn deferred(&mut self, numbers: &[u32]) -> &mut Self {
        self.deferred.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self
    }

    fn pointer(&mut self) -> u32 {
        self.pointers += 4;
        0x0002_0000 + self.pointers
    }

    fn text(&mut self, text: &str) {
        let (units, pointer) = (u16::try_from(text.encode_utf16().count()).unwrap(), self.pointer());
        self.fixed.extend([units * 2, units * 2].iter().flat_map(|len| len.to_le_bytes()));
        self.fixed(&[pointer]);
        self.deferred(&[u32::from(units), 0, u32::from(units)]);
        self.deferred.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        self.deferred.resize(self.deferred.len().next_multiple_of(4), 0);
    }

    fn relative_groups(&mut self, groups: &[(u32, u32)]) {
        let (count, pointer) = (u32::try_from(groups.len()).unwrap(), self.pointer());
        self.fixed(&[count, if groups.is_empty() { 0 } else { pointer }]);
        if !groups.is_empty() {
            self.deferred(&[count]);
            for (relative, attributes) in groups {
                self.deferred(&[*relative, *attributes]);
            }
        }
    }

    fn sid(&mut self, sid: &Sid) {
        let bytes = sid.to_bytes();
        self.deferred(&[u32::from(bytes[1])]);
        self.deferred.extend(bytes);
    }

    fn optional_sid(&mut self, sid: Option<&Sid>) {
        let pointer = self.pointer();
        self.fixed(&[if sid.is_some() { pointer } else { 0 }]);
        sid.into_iter().for_each(|sid| self.sid(sid));
    }

    fn extra(&mut self, extra: &[(Sid, u32)]) {
        let (count, pointer) = (u32::try_from(extra.len()).unwrap(), self.pointer());
        self.fixed(&[count, if extra.is_empty() { 0 } else { pointer }]);
        if !extra.is_empty() {
            self.deferred(&[count]);
            for (_, attributes) in extra {
                let pointer = self.pointer();
                self.deferred(&[pointer, *attributes]);
            }
            extra.iter().for_each(|(sid, _)| self.sid(sid));
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = [&0x0002_0000_u32.to_le_bytes()[..], &self.fixed, &self.deferred].concat();
        body.resize(body.len().next_multiple_of(8), 0);
        let len = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&[1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc][..], &len, &[0; 4], &body].concat()
    }
}

#[derive(Debug, Clone)]
struct Says {
    user: u32,
    domain: Option<Sid>,
    groups: Vec<(u32, u32)>,
    extra: Vec<(Sid, u32)>,
    resource_domain: Option<Sid>,
    resource: Vec<(u32, u32)>,
}

fn example() -> Says {
    Says {
        user: 1103,
        domain: Some(sid("S-1-5-21-1-2-3")),
        groups: vec![(513, 7), (1105, 7)],
        extra: vec![(sid("S-1-18-1"), 7)],
        resource_domain: Some(sid("S-1-5-21-4-5-6")),
        resource: vec![(1200, 0x2000_0007)],
    }
}

fn write(says: &Says) -> Vec<u8> {
    let mut out = Written::default();
    out.fixed(&[0; 12]);
    ["alice", "Älice Odd", "", "", "", ""].into_iter().for_each(|text| out.text(text));
    out.fixed(&[0, says.user, 513]);
    out.relative_groups(&says.groups);
    out.fixed(&[0x220, 0, 0, 0, 0]);
    out.text("DC1");
    out.text("LAPWING");
    out.optional_sid(says.domain.as_ref());
    out.fixed(&[0; 10]);
    out.extra(&says.extra);
    out.optional_sid(says.resource_domain.as_ref());
    out.relative_groups(&says.resource);
    out.bytes()
}

#[test]
fn everybody_is_told_by_every_part_that_names_groups() {
    let info = LogonInfo::parse(&write(&example())).unwrap();
    assert_eq!(info.account, sid("S-1-5-21-1-2-3-1103"));
    let groups: Vec<_> =
        info.groups.iter().map(|group| (group.group.to_string(), group.attributes)).collect();
    let expected = [
        ("S-1-5-21-1-2-3-513", 7),
        ("S-1-5-21-1-2-3-1105", 7),
        ("S-1-18-1", 7),
        ("S-1-5-21-4-5-6-1200", 0x2000_0007),
    ];
    assert_eq!(groups, expected.map(|(group, attributes)| (group.to_owned(), attributes)));
}

#[test]
fn what_a_domain_says_is_read() {
    let info = LogonInfo::parse(ALICE).unwrap();
    let domain = info.account.issuer().unwrap();
    assert!(domain.to_string().starts_with("S-1-5-21-"), "{domain}");
    let is_member = |group: &Sid| info.groups.iter().any(|member| member.group == *group && member.grants());
    assert!(is_member(&domain.with_relative_id(513).unwrap()), "{info:?}");
    // A group that is local to the domain comes among the resource groups, or the others.
    let own = info.groups.iter().filter(|member| member.group.issuer() == Some(domain.clone())).count();
    assert_eq!(own, 3, "{info:?}");
}

#[test]
fn a_group_grants_while_it_is_enabled_and_not_for_denials_alone() {
    for (attributes, grants) in
        [(7, true), (4, true), (0x2000_0007, true), (3, false), (0x14, false), (0x10, false)]
    {
        let membership = Membership { group: Sid::everyone(), attributes };
        assert_eq!(membership.grants(), grants, "{attributes:#x}");
    }
}

#[test]
fn an_account_without_a_number_is_the_first_of_the_further_sids() {
    let foreign = Says { user: 0, domain: None, groups: Vec::new(), ..example() };
    let info = LogonInfo::parse(&write(&foreign)).unwrap();
    assert_eq!(info.account, sid("S-1-18-1"));
    for nobody in
        [Says { extra: Vec::new(), ..foreign }, Says { domain: None, groups: Vec::new(), ..example() }]
    {
        let error = LogonInfo::parse(&write(&nobody)).unwrap_err();
        assert_eq!(error, Malformed("it does not name the account"));
    }
}

#[test]
fn groups_need_their_domain() {
    let says = Says { resource_domain: None, ..example() };
    assert_eq!(LogonInfo::parse(&write(&says)), Err(Malformed("groups have no domain")));
    let longest = sid("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15");
    let says = Says { resource_domain: Some(longest), ..example() };
    assert_eq!(LogonInfo::parse(&write(&says)), Err(Malformed("a domain's SID has no room for an account")));
}

#[test]
fn whatever_is_cut_off_added_or_announced_wrongly_is_refused() {
    let whole = write(&example());
    let fixed_len = |bytes: &mut Vec<u8>| {
        let len = u32::try_from(bytes.len() - 16).unwrap().to_le_bytes();
        bytes[8..12].copy_from_slice(&len);
    };
    for len in 0..whole.len() {
        LogonInfo::parse(&whole[..len]).unwrap_err();
        // The zeros at the end are no part of it.
        if len >= 16 && whole.len() - len >= 8 {
            let mut cut = whole[..len].to_vec();
            fixed_len(&mut cut);
            LogonInfo::parse(&cut).unwrap_err();
        }
    }
    let mut more = [&whole[..], &[0; 8]].concat();
    fixed_len(&mut more);
    assert_eq!(LogonInfo::parse(&more), Err(Malformed("bytes follow it")));
    let too_long = vec![0; LOGON_INFO_LEN_MAX + 1];
    assert_eq!(LogonInfo::parse(&too_long), Err(LogonInfoError::TooLong { len: LOGON_INFO_LEN_MAX + 1 }));
    // The header, the pointer to it all, the lengths of a string and of an array.
    for at in [0, 1, 8, 20 + 48, 20 + 48 + 48 + 12] {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        LogonInfo::parse(&wrong).unwrap_err();
    }
    let mut none = whole;
    none[16..20].fill(0);
    assert_eq!(LogonInfo::parse(&none), Err(Malformed("its headers")));
}

#[test]
fn an_array_is_no_longer_than_what_follows() {
    let mut bytes = write(&Says { groups: vec![(0x1234_5678, 7)], ..example() });
    // Both counts of the groups say the most there can be, and no room is made for that.
    let announced = 20 + 48 + 48 + 12;
    bytes[announced..announced + 4].fill(0xff);
    let group = bytes.windows(4).position(|bytes| bytes == 0x1234_5678_u32.to_le_bytes()).unwrap();
    bytes[group - 4..group].fill(0xff);
    assert_eq!(LogonInfo::parse(&bytes), Err(Malformed("the length of an array")));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, at in 0_usize..400, byte: u8) {
        drop(LogonInfo::parse(&bytes));
        let mut changed = write(&example());
        let at = at % changed.len();
        changed[at] = byte;
        drop(LogonInfo::parse(&changed));
        drop(LogonInfo::parse(&[&changed[..at], &bytes].concat()));
    }
}
