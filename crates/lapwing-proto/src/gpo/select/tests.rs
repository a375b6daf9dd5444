use proptest::prelude::*;

use super::*;
use crate::gpo::parse_links;

const LAPS_EXTENSIONS: &str =
    "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

/// The computer, its groups and what every computer is.
fn token() -> BTreeSet<Sid> {
    let groups = ["S-1-5-21-1-2-3-1105", "S-1-5-21-1-2-3-515", "S-1-5-21-1-2-3-1200"];
    groups.map(sid).into_iter().chain([Sid::everyone(), Sid::authenticated_users()]).collect()
}

/// One entry: allow or deny, rights, trustee, and the extended right that it is about, if any.
fn ace(code: u8, mask: u32, about: Option<Guid>, trustee: &str) -> Vec<u8> {
    let mut body = mask.to_le_bytes().to_vec();
    if let Some(guid) = about {
        body.extend([1, 0, 0, 0]);
        body.extend(guid.to_bytes_le());
    }
    body.extend(sid(trustee).to_bytes());
    let code = if about.is_some() { code + 5 } else { code };
    [&[code, 0, u8::try_from(4 + body.len()).unwrap(), 0], &body[..]].concat()
}

fn descriptor(aces: &[Vec<u8>]) -> SecurityDescriptor {
    let body = aces.concat();
    let mut bytes = vec![1, 0, 0x04, 0x80];
    bytes.extend([0; 12]);
    bytes.extend([20, 0, 0, 0, 4, 0]);
    bytes.extend(u16::try_from(8 + body.len()).unwrap().to_le_bytes());
    bytes.extend(u16::try_from(aces.len()).unwrap().to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(body);
    SecurityDescriptor::parse(&bytes).unwrap()
}

/// As a new object has it: authenticated users read and apply it.
fn for_everyone() -> SecurityDescriptor {
    descriptor(&[ace(0, 0x0002_0094, None, "S-1-5-11"), ace(0, 0x100, Some(APPLY_GROUP_POLICY), "S-1-5-11")])
}

fn object() -> PolicyObject {
    PolicyObject {
        display_name: "LAPS".to_owned(),
        path: r"\\corp.example\sysvol\corp.example\Policies\{1}".to_owned(),
        flags: 0,
        version: GpoVersion { machine: 1, user: 0 },
        machine_extensions: LAPS_EXTENSIONS.to_owned(),
        wmi_filter: String::new(),
        descriptor: Some(for_everyone()),
    }
}

fn objects(names: &[&str]) -> BTreeMap<String, PolicyObject> {
    let named =
        |name: &&str| (format!("cn={name}"), PolicyObject { display_name: (*name).to_owned(), ..object() });
    names.iter().map(named).collect()
}

/// A container whose links are written as `name` or, if enforced, `name!`, if switched off `name-`.
fn container(name: &str, links: &str, blocks_inheritance: bool) -> Container {
    let option = |link: &str| match link.chars().last() {
        Some('!') => 2,
        Some('-') => 1,
        _ => 0,
    };
    let written: String = links
        .split_whitespace()
        .map(|link| format!("[LDAP://CN={};{}]", link.trim_end_matches(['!', '-']), option(link)))
        .collect();
    Container { name: name.to_owned(), links: parse_links(&written).unwrap(), blocks_inheritance }
}

fn applied(chain: &[Container], gpos: &BTreeMap<String, PolicyObject>) -> Vec<String> {
    let selection = select(chain, gpos, &token());
    selection.applied.iter().map(|applied| applied.gpo.display_name.clone()).collect()
}

#[test]
fn site_domain_and_units_come_in_turn_and_enforced_ones_last_and_reversed() {
    let chain = [
        container("site", "s4! s3! s2 s1", false),
        container("domain", "d4! d3! d2 d1", false),
        container("unit", "u4! u3! u2 u1", false),
        container("inner", "i4! i3! i2 i1", false),
    ];
    let names: Vec<String> = ["s", "d", "u", "i"]
        .iter()
        .flat_map(|level| (1..=4).map(move |number| format!("{level}{number}")))
        .collect();
    let gpos = objects(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        applied(&chain, &gpos).join(" "),
        "s2 s1 d2 d1 u2 u1 i2 i1 i4 i3 u4 u3 d4 d3 s4 s3",
        "as Windows reports it, from the lowest precedence to the highest"
    );
}

#[test]
fn blocked_inheritance_keeps_out_what_is_farther_and_not_enforced() {
    let gpos = objects(&["s", "d", "e", "u", "i"]);
    let chain = |domain: bool, unit: bool, inner: bool| {
        [
            container("site", "s", false),
            container("domain", "e! d", domain),
            container("unit", "u", unit),
            container("inner", "i", inner),
        ]
    };
    for (blocks, expected) in [
        ((false, false, false), "s d u i e"),
        ((true, false, false), "d u i e"),
        ((false, true, false), "u i e"),
        ((false, false, true), "i e"),
    ] {
        let chain = chain(blocks.0, blocks.1, blocks.2);
        assert_eq!(applied(&chain, &gpos).join(" "), expected, "{blocks:?}");
    }
    let chain = chain(false, true, false);
    let selection = select(&chain, &gpos, &token());
    let blocked: Vec<_> = selection.skipped.iter().map(|skipped| (skipped.gpo, skipped.why)).collect();
    assert_eq!(blocked, [("CN=d", WhySkipped::InheritanceBlocked), ("CN=s", WhySkipped::InheritanceBlocked)]);
}

#[test]
fn an_object_linked_twice_counts_where_it_counts_most() {
    let gpos = objects(&["a", "b"]);
    let chain = [container("domain", "a", false), container("unit", "a b", false)];
    assert_eq!(applied(&chain, &gpos), ["a", "b"]);
    let chain = [container("domain", "a!", false), container("unit", "b a", false)];
    assert_eq!(applied(&chain, &gpos), ["b", "a"]);
    let selection = select(&chain, &gpos, &token());
    assert!(selection.applied[1].is_enforced);
    assert_eq!(
        selection.skipped,
        [Skipped { gpo: "CN=a", container: "unit", why: WhySkipped::LinkedElsewhere }]
    );
}

/// One object, and what becomes of it.
#[test]
fn every_reason_to_skip_an_object() {
    let with = |change: fn(&mut PolicyObject)| {
        let mut gpo = object();
        change(&mut gpo);
        gpo
    };
    let table = [
        ("nothing", object(), None),
        ("users' half off", with(|gpo| gpo.flags = 1), None),
        ("computers' half off", with(|gpo| gpo.flags = 2), Some(WhySkipped::ComputersDisabled)),
        ("both halves off", with(|gpo| gpo.flags = 3), Some(WhySkipped::ComputersDisabled)),
        (
            "only users' values",
            with(|gpo| gpo.version = GpoVersion { machine: 0, user: 3 }),
            Some(WhySkipped::Empty),
        ),
        (
            "no registry",
            with(|gpo| gpo.machine_extensions = String::new()),
            Some(WhySkipped::NoRegistryValues),
        ),
        ("unreadable", with(|gpo| gpo.descriptor = None), Some(WhySkipped::NotForThisComputer)),
    ];
    for (what, gpo, expected) in table {
        let gpos = [("cn=a".to_owned(), gpo)].into();
        let chain = [container("domain", "a", false)];
        let selection = select(&chain, &gpos, &token());
        assert_eq!(selection.skipped.first().map(|skipped| skipped.why), expected, "{what}");
        assert_eq!(selection.applied.len(), usize::from(expected.is_none()), "{what}");
    }
    let why = |links| {
        let chain = [container("domain", links, false)];
        select(&chain, &objects(&["a"]), &token()).skipped[0].why
    };
    assert_eq!(why("a-"), WhySkipped::LinkDisabled);
    assert_eq!(why("other"), WhySkipped::NotFound);
}

#[test]
fn security_filtering_needs_reading_and_applying_and_heeds_denials_first() {
    const READ: u32 = 0x0002_0094;
    let apply = Some(APPLY_GROUP_POLICY);
    let authenticated = "S-1-5-11";
    let computer = "S-1-5-21-1-2-3-1105";
    let others = "S-1-5-21-1-2-3-9999";
    let table = [
        ("read and apply", vec![ace(0, READ, None, authenticated), ace(0, 0x100, apply, computer)], true),
        ("only read", vec![ace(0, READ, None, authenticated)], false),
        ("only apply", vec![ace(0, 0x100, apply, authenticated)], false),
        (
            "another right",
            vec![ace(0, READ, None, authenticated), ace(0, 0x100, Some(REGISTRY_EXTENSION), computer)],
            false,
        ),
        ("all extended rights", vec![ace(0, READ | 0x100, None, computer)], true),
        ("full control", vec![ace(0, 0x000f_01ff, None, computer)], true),
        ("another group", vec![ace(0, READ, None, authenticated), ace(0, 0x100, apply, others)], false),
        (
            "denied to a group of it",
            vec![
                ace(1, 0x100, apply, "S-1-5-21-1-2-3-1200"),
                ace(0, READ, None, authenticated),
                ace(0, 0x100, apply, authenticated),
            ],
            false,
        ),
        (
            "denied to others",
            vec![
                ace(1, 0x100, apply, others),
                ace(0, READ, None, authenticated),
                ace(0, 0x100, apply, authenticated),
            ],
            true,
        ),
    ];
    for (what, aces, expected) in table {
        let gpo = PolicyObject { descriptor: Some(descriptor(&aces)), ..object() };
        assert_eq!(may_apply(&gpo, &token()), expected, "{what}");
    }
}

#[test]
fn a_wmi_filter_is_told_of_and_the_object_holds() {
    let mut gpos = objects(&["a", "b"]);
    let filter = "[corp.example;{00000000-0000-0000-0000-000000000001};0]";
    gpos.get_mut("cn=a").unwrap().wmi_filter = filter.to_owned();
    let chain = [container("domain", "a b", false)];
    let selection = select(&chain, &gpos, &token());
    let told: Vec<_> = selection.applied.iter().map(|applied| applied.has_wmi_filter).collect();
    assert_eq!(told, [true, false]);
}

proptest! {
    /// Each link ends in one place, enforced ones behind the others, no object twice, and nothing that is blocked.
    #[test]
    fn every_link_is_applied_or_skipped_once_and_enforced_ones_come_last(
        chain in proptest::collection::vec(("([abcd][!-]? ){0,5}", any::<bool>()), 1..5),
    ) {
        let gpos = objects(&["a", "b", "c"]);
        let chain: Vec<Container> = chain
            .iter()
            .enumerate()
            .map(|(level, (links, blocks))| container(&level.to_string(), links, *blocks))
            .collect();
        let selection = select(&chain, &gpos, &token());
        let links: usize = chain.iter().map(|container| container.links.len()).sum();
        prop_assert_eq!(selection.applied.len() + selection.skipped.len(), links);
        prop_assert!(selection.applied.is_sorted_by_key(|applied| applied.is_enforced));
        let names: BTreeSet<_> = selection.applied.iter().map(|applied| &applied.gpo.display_name).collect();
        prop_assert_eq!(names.len(), selection.applied.len());
        let nearest_block = chain.iter().rposition(|container| container.blocks_inheritance).unwrap_or(0);
        for applied in selection.applied.iter().filter(|applied| !applied.is_enforced) {
            prop_assert!(applied.container.parse::<usize>().unwrap() >= nearest_block);
        }
    }
}
