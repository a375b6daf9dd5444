use super::*;

fn guid(byte: u8) -> Guid {
    Guid::from_bytes([byte; 16])
}

/// A forest's schema, whose GUIDs are as random as any.
fn schema() -> SchemaGuids {
    LapsAttribute::ALL.into_iter().zip((1..).map(guid)).collect()
}

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

fn reader() -> Sid {
    sid("S-1-5-21-1-2-3-1104")
}

/// Domain Admins may do everything, here and below; the rest by inheritance.
fn descriptor() -> SecurityDescriptor {
    let admins = sid("S-1-5-21-1-2-3-512").to_bytes();
    let mut ace = vec![0, 0x02, 36, 0, 0xff, 0x01, 0x0f, 0x00];
    ace.extend(admins);
    let inherited = [&[0, 0x12][..], &ace[2..]].concat();
    let mut bytes = vec![1, 0, 0x04, 0x84];
    bytes.extend([0; 12]);
    bytes.extend([20, 0, 0, 0, 2, 0, 80, 0, 2, 0, 0, 0]);
    bytes.extend(ace);
    bytes.extend(inherited);
    SecurityDescriptor::parse(&bytes).unwrap()
}

/// The entries of a circle in the words of the security descriptor definition language. [MS-DTYP] 2.5.1.
fn sddl(descriptor: &SecurityDescriptor) -> Vec<String> {
    let Dacl::Present(acl) = descriptor.dacl() else { panic!("no list") };
    let name = |guid: Guid| {
        let found = schema().into_iter().find(|(_, of)| *of == guid);
        found.map_or_else(|| guid.to_string(), |(attribute, _)| attribute.ldap_name().to_owned())
    };
    let right = |mask: AccessMask| {
        let names = [(0x10, "RP"), (0x20, "WP"), (0x100, "CR")];
        names.into_iter().filter(|(bit, _)| mask.0 & bit != 0).map(|(_, name)| name).collect::<String>()
    };
    let of_ours = |ace: &&Ace| ace.body().unwrap().object_type.is_some();
    let lines = acl.aces().iter().filter(of_ours).map(|ace| {
        let body = ace.body().unwrap();
        assert_eq!(body.inherited_object_type, Some(COMPUTER_CLASS));
        assert_eq!(ace.flags(), AceFlags::DESCENDANTS);
        format!("{:?} {} {} {}", body.kind, right(body.mask), name(body.object_type.unwrap()), body.trustee)
    });
    lines.collect()
}

/// The reader's rights by what they are about, whatever the entries that give them.
fn held(descriptor: &SecurityDescriptor) -> BTreeMap<Guid, AccessMask> {
    let Dacl::Present(acl) = descriptor.dacl() else { panic!("no list") };
    let trustee = &reader();
    let targets = schema().into_values().chain([ENCRYPTED_PASSWORD_ATTRIBUTES]);
    targets.map(|target| (target, Place { kind: AceKind::Allow, trustee, target }.held(acl))).collect()
}

const UNIT: &[u8] = include_bytes!("fixtures/unit.bin");

fn fixture(bytes: &[u8]) -> SecurityDescriptor {
    let read = SecurityDescriptor::parse(bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    read
}

/// Without the attributes about which we let computers have an entry more.
fn as_windows() -> SchemaGuids {
    let mut schema = schema();
    schema.retain(|attribute, _| attribute.property_set().is_none());
    schema
}

#[test]
fn delegation_writes_the_bytes_that_samba_writes() {
    let delegated = include_bytes!("fixtures/unit_delegated.bin");
    let expirer = sid("S-1-5-21-1-2-3-1105");
    let schema = schema();
    let mut unit = fixture(UNIT);
    grant(&mut unit, Circle::ComputerSelf, &Sid::principal_self(), &as_windows()).unwrap();
    grant(&mut unit, Circle::ReadPassword, &reader(), &schema).unwrap();
    grant(&mut unit, Circle::ResetPassword, &expirer, &schema).unwrap();
    assert_eq!(unit, fixture(delegated));
    assert_eq!(unit.to_bytes(), delegated);
    for circle in Circle::ALL {
        for trustee in granted(&unit, circle, &schema).unwrap() {
            revoke(&mut unit, circle, &trustee, &schema).unwrap();
        }
    }
    assert_eq!(unit.to_bytes(), UNIT);
}

#[test]
fn auditing_writes_the_entries_that_samba_writes() {
    let audited = fixture(include_bytes!("fixtures/unit_audited.bin"));
    let mut unit = fixture(UNIT);
    audit(&mut unit, Audited { success: true, failure: false }, &Sid::everyone(), &schema()).unwrap();
    let aces = |descriptor: &SecurityDescriptor| descriptor.sacl().map(|acl| acl.aces().to_vec());
    assert_eq!(aces(&unit), aces(&audited));
    assert_eq!(unit.to_bytes().len(), audited.to_bytes().len());
    assert_eq!(fixture(&unit.to_bytes()).dacl(), audited.dacl());
}

#[test]
fn a_new_computers_passwords_are_read_by_its_creator_and_the_administrators_alone() {
    let computer = fixture(include_bytes!("fixtures/computer.bin"));
    let Dacl::Present(acl) = computer.dacl() else { panic!("no list") };
    let everything = ["S-1-3-0", "S-1-5-18", "S-1-5-21-1-2-3-512", "S-1-5-32-548"];
    let expected = everything.map(|text| (sid(text), Breadth::Everything)).into();
    assert_eq!(readers(acl, &passwords(&schema(), None), Reach::Itself), expected);
    // Those of a unit come by inheritance too; its own reader does not read the unit itself.
    let unit = fixture(include_bytes!("fixtures/unit_delegated.bin"));
    let Dacl::Present(acl) = unit.dacl() else { panic!("no list") };
    let below = readers(acl, &passwords(&schema(), None), Reach::Descendants(COMPUTER_CLASS));
    let enterprise_admins = sid("S-1-5-21-1-2-3-519");
    assert_eq!(below, [(reader(), Breadth::Attribute), (enterprise_admins, Breadth::Everything)].into());
}

#[test]
fn each_circle_has_its_entries() {
    let mut descriptor = descriptor();
    assert!(grant(&mut descriptor, Circle::ComputerSelf, &Sid::principal_self(), &schema()).unwrap());
    assert_eq!(
        sddl(&descriptor),
        [
            "Allow RPWP msLAPS-PasswordExpirationTime S-1-5-10",
            "Allow WP msLAPS-Password S-1-5-10",
            "Allow RPCR msLAPS-EncryptedPassword S-1-5-10",
            "Allow RPCR msLAPS-EncryptedPasswordHistory S-1-5-10",
            "Allow RPCR msLAPS-EncryptedDSRMPassword S-1-5-10",
            "Allow RPCR msLAPS-EncryptedDSRMPasswordHistory S-1-5-10",
            "Allow RPCR msLAPS-CurrentPasswordVersion S-1-5-10",
            "Allow RPWP f3531ec6-6330-4f8e-8d39-7a671fbac605 S-1-5-10",
        ]
    );
    let mut descriptor = self::descriptor();
    assert!(grant(&mut descriptor, Circle::ReadPassword, &reader(), &schema()).unwrap());
    assert_eq!(
        sddl(&descriptor),
        [
            "Allow RP msLAPS-PasswordExpirationTime S-1-5-21-1-2-3-1104",
            "Allow RPCR msLAPS-Password S-1-5-21-1-2-3-1104",
            "Allow RPCR msLAPS-EncryptedPassword S-1-5-21-1-2-3-1104",
            "Allow RPCR msLAPS-EncryptedPasswordHistory S-1-5-21-1-2-3-1104",
            "Allow RPCR msLAPS-EncryptedDSRMPassword S-1-5-21-1-2-3-1104",
            "Allow RPCR msLAPS-EncryptedDSRMPasswordHistory S-1-5-21-1-2-3-1104",
        ]
    );
    let mut descriptor = self::descriptor();
    assert!(grant(&mut descriptor, Circle::ResetPassword, &reader(), &schema()).unwrap());
    assert_eq!(sddl(&descriptor), ["Allow RPWP msLAPS-PasswordExpirationTime S-1-5-21-1-2-3-1104"]);
}

#[test]
fn what_is_granted_twice_is_there_once_and_revoking_restores_every_byte() {
    for circle in Circle::ALL {
        let before = descriptor();
        let mut descriptor = before.clone();
        assert!(grant(&mut descriptor, circle, &reader(), &schema()).unwrap());
        let once = descriptor.to_bytes();
        assert!(!grant(&mut descriptor, circle, &reader(), &schema()).unwrap(), "{circle:?}");
        assert_eq!(descriptor.to_bytes(), once);
        assert!(granted(&descriptor, circle, &schema()).unwrap().contains(&reader()));
        assert!(revoke(&mut descriptor, circle, &reader(), &schema()).unwrap());
        assert!(granted(&descriptor, circle, &schema()).unwrap().is_empty());
        // But for the revision, which an entry about an attribute has raised.
        let mut expected = before.to_bytes();
        expected[20] = 4;
        assert_eq!(descriptor.to_bytes(), expected, "{circle:?}");
        assert!(!revoke(&mut descriptor, circle, &reader(), &schema()).unwrap());
    }
}

#[test]
fn revoking_one_circle_leaves_another_whole_in_either_order() {
    use Circle::{ReadPassword, ResetPassword};
    for order in [[ReadPassword, ResetPassword], [ResetPassword, ReadPassword]] {
        for revoked in order {
            let kept = if revoked == ReadPassword { ResetPassword } else { ReadPassword };
            let mut descriptor = descriptor();
            for circle in order {
                grant(&mut descriptor, circle, &reader(), &schema()).unwrap();
            }
            assert!(revoke(&mut descriptor, revoked, &reader(), &schema()).unwrap());
            let mut alone = self::descriptor();
            grant(&mut alone, kept, &reader(), &schema()).unwrap();
            assert_eq!(held(&descriptor), held(&alone), "{order:?}, {revoked:?} revoked");
        }
    }
}

#[test]
fn revoking_takes_only_the_rights_of_the_circle_out_of_a_merged_entry() {
    let mut descriptor = descriptor();
    // As Windows' editor writes it that puts one trustee's rights on one attribute together.
    let merged = Ace::about(
        (AceKind::Allow, AceFlags::DESCENDANTS),
        AccessMask(0x130),
        schema()[&LapsAttribute::PasswordExpirationTime],
        COMPUTER_CLASS,
        reader(),
    );
    descriptor.dacl_mut().unwrap().insert(merged).unwrap();
    assert!(!grant(&mut descriptor, Circle::ResetPassword, &reader(), &schema()).unwrap());
    assert!(revoke(&mut descriptor, Circle::ResetPassword, &reader(), &schema()).unwrap());
    assert_eq!(sddl(&descriptor), ["Allow CR msLAPS-PasswordExpirationTime S-1-5-21-1-2-3-1104"]);
}

#[test]
fn an_entry_with_flags_of_another_purpose_is_not_ours() {
    let mut descriptor = descriptor();
    let flags = AceFlags::DESCENDANTS.union(AceFlags(0x80));
    let expiry = schema()[&LapsAttribute::PasswordExpirationTime];
    let foreign = Ace::about((AceKind::Allow, flags), AccessMask(0x30), expiry, COMPUTER_CLASS, reader());
    descriptor.dacl_mut().unwrap().insert(foreign.clone()).unwrap();
    assert!(granted(&descriptor, Circle::ResetPassword, &schema()).unwrap().is_empty());
    grant(&mut descriptor, Circle::ResetPassword, &reader(), &schema()).unwrap();
    revoke(&mut descriptor, Circle::ResetPassword, &reader(), &schema()).unwrap();
    let Dacl::Present(acl) = descriptor.dacl() else { panic!("no list") };
    assert!(acl.aces().contains(&foreign));
}

#[test]
fn readers_are_found_by_their_widest_way() {
    let mut descriptor = descriptor();
    grant(&mut descriptor, Circle::ReadPassword, &reader(), &schema()).unwrap();
    grant(&mut descriptor, Circle::ComputerSelf, &Sid::principal_self(), &schema()).unwrap();
    let Dacl::Present(acl) = descriptor.dacl() else { panic!("no list") };
    let found = readers(acl, &passwords(&schema(), None), Reach::Descendants(COMPUTER_CLASS));
    let admins = sid("S-1-5-21-1-2-3-512");
    assert_eq!(found, [(reader(), Breadth::Attribute), (admins.clone(), Breadth::Everything)].into());
    // None of what was granted below is a right on the object itself.
    assert_eq!(
        readers(acl, &passwords(&schema(), None), Reach::Itself),
        [(admins, Breadth::Everything)].into()
    );
}

#[test]
fn computers_that_windows_cmdlet_let_store_are_in_their_circle_and_get_the_entries_more() {
    let windows = as_windows();
    let mut descriptor = descriptor();
    let own = Sid::principal_self();
    grant(&mut descriptor, Circle::ComputerSelf, &own, &windows).unwrap();
    assert!(granted(&descriptor, Circle::ComputerSelf, &schema()).unwrap().contains(&own));
    let before = sddl(&descriptor);
    assert!(grant(&mut descriptor, Circle::ComputerSelf, &own, &schema()).unwrap());
    let mut after = sddl(&descriptor);
    after.retain(|line| !before.contains(line));
    let more = ["EncryptedPassword", "EncryptedPasswordHistory", "EncryptedDSRMPassword"].into_iter();
    let more = more.chain(["EncryptedDSRMPasswordHistory", "CurrentPasswordVersion"]);
    assert_eq!(after, more.map(|name| format!("Allow RPCR msLAPS-{name} S-1-5-10")).collect::<Vec<_>>());
}

#[test]
fn members_are_told_with_the_entries_that_make_them_so_whoever_wrote_those() {
    let mut descriptor = descriptor();
    let expirer = sid("S-1-5-21-1-2-3-1105");
    grant(&mut descriptor, Circle::ComputerSelf, &Sid::principal_self(), &schema()).unwrap();
    grant(&mut descriptor, Circle::ReadPassword, &reader(), &schema()).unwrap();
    grant(&mut descriptor, Circle::ResetPassword, &expirer, &schema()).unwrap();
    let legacy = guid(0x77);
    let (kind, target) = ((AceKind::Allow, AceFlags::DESCENDANTS), AccessMask(0x110));
    let entry = Ace::about(kind, target, legacy, COMPUTER_CLASS, sid("S-1-5-21-1-2-3-1106"));
    descriptor.dacl_mut().unwrap().insert(entry).unwrap();
    let Dacl::Present(acl) = descriptor.dacl() else { panic!("no list") };
    let told = |circle, legacy| -> Vec<(String, Breadth, bool)> {
        let found = members(acl, circle, &schema(), legacy, Reach::Descendants(COMPUTER_CLASS)).unwrap();
        let told = found.iter().map(|grant| {
            (grant.ace.body().unwrap().trustee.to_string(), grant.breadth, grant.ace.is_inherited())
        });
        told.collect()
    };
    let admins = ("S-1-5-21-1-2-3-512".to_owned(), Breadth::Everything);
    // Of the two entries of Domain Admins the explicit one comes first.
    let admins = [(admins.0.clone(), admins.1, false), (admins.0, admins.1, true)];
    let one = |sid: &str, breadth| (sid.to_owned(), breadth, false);
    let own = [Breadth::Attribute, Breadth::PropertySet].map(|breadth| one("S-1-5-10", breadth));
    assert_eq!(told(Circle::ComputerSelf, None), own);
    let readers = [one("S-1-5-21-1-2-3-1104", Breadth::Attribute); 1];
    let mut read = told(Circle::ReadPassword, None);
    read.dedup();
    assert_eq!(read, [&admins[..1], &readers, &admins[1..]].concat());
    let mut read = told(Circle::ReadPassword, Some(legacy));
    read.dedup();
    let old = [one("S-1-5-21-1-2-3-1106", Breadth::Attribute)];
    assert_eq!(read, [&admins[..1], &readers, &old, &admins[1..]].concat());
    let expirers = [one("S-1-5-21-1-2-3-1105", Breadth::Attribute)];
    assert_eq!(told(Circle::ResetPassword, None), [&admins[..1], &expirers, &admins[1..]].concat());
}

#[test]
fn an_older_schema_has_fewer_entries_and_one_without_laps_none() {
    let mut older = schema();
    older.remove(&LapsAttribute::CurrentPasswordVersion);
    older.remove(&LapsAttribute::EncryptedDsrmPasswordHistory);
    let mut descriptor = descriptor();
    grant(&mut descriptor, Circle::ReadPassword, &reader(), &older).unwrap();
    assert_eq!(sddl(&descriptor).len(), 5);
    older.remove(&LapsAttribute::Password);
    let error = grant(&mut descriptor, Circle::ReadPassword, &reader(), &older).unwrap_err();
    assert_eq!(error.to_string(), "the schema of the forest has no attribute msLAPS-Password");
    assert!(error.next_step().contains("update-ad-schema"));
}

#[test]
fn auditing_is_set_changed_and_ended() {
    let before = descriptor();
    let mut descriptor = before.clone();
    let everyone = Sid::everyone();
    let kinds = |descriptor: &SecurityDescriptor| -> Vec<u8> {
        descriptor.sacl().map_or_else(Vec::new, |acl| acl.aces().iter().map(|ace| ace.flags().0).collect())
    };
    let audited = |success, failure| Audited { success, failure };
    assert!(!audit(&mut descriptor, audited(false, false), &everyone, &schema()).unwrap());
    assert_eq!(descriptor, before);
    assert!(audit(&mut descriptor, audited(true, true), &everyone, &schema()).unwrap());
    assert!(!audit(&mut descriptor, audited(true, true), &everyone, &schema()).unwrap());
    assert_eq!(kinds(&descriptor), [0xca; 5]);
    assert!(audit(&mut descriptor, audited(true, false), &everyone, &schema()).unwrap());
    assert_eq!(kinds(&descriptor), [0x4a; 5]);
    assert!(audit(&mut descriptor, audited(false, false), &everyone, &schema()).unwrap());
    assert_eq!(kinds(&descriptor), [0; 0]);
}
