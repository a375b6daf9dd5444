use super::*;

fn whole() -> FoundSchema {
    FoundSchema {
        attributes: LapsAttribute::ALL.map(|attribute| (attribute, attribute.schema())).into(),
        has_property_set: true,
        on_computer: LapsAttribute::ALL.into(),
    }
}

/// What a schema is after a change, as a directory would make it.
fn apply(found: &mut FoundSchema, change: &SchemaChange) {
    match change {
        SchemaChange::Reload => {}
        SchemaChange::AddAttribute(attribute) => {
            assert!(found.attributes.insert(*attribute, attribute.schema()).is_none(), "added twice");
        }
        SchemaChange::AddPropertySet => {
            assert!(!found.has_property_set, "added twice");
            found.has_property_set = true;
        }
        SchemaChange::AddToComputer(attributes) => {
            for attribute in attributes {
                assert!(found.attributes.contains_key(attribute), "before it exists");
                assert!(found.on_computer.insert(*attribute), "added twice");
            }
        }
    }
}

#[test]
fn the_schema_is_that_of_the_published_table() {
    let line = |attribute: LapsAttribute| {
        let schema = attribute.schema();
        format!(
            "{} {} {}/{} single={} flags={} range={:?} set={}",
            attribute.ldap_name(),
            schema.oid,
            schema.syntax,
            schema.om_syntax,
            schema.is_single_valued,
            schema.search_flags,
            schema.range,
            schema.property_set.is_some()
        )
    };
    let arc = "1.2.840.113556.1.6.44.1";
    assert_eq!(
        LapsAttribute::ALL.map(line),
        [
            format!(
                "msLAPS-PasswordExpirationTime {arc}.1 2.5.5.16/65 single=true flags=0 range=None set=false"
            ),
            format!("msLAPS-Password {arc}.2 2.5.5.5/19 single=true flags=904 range=None set=false"),
            format!("msLAPS-EncryptedPassword {arc}.3 2.5.5.10/4 single=true flags=904 range=None set=true"),
            format!(
                "msLAPS-EncryptedPasswordHistory {arc}.4 2.5.5.10/4 single=false flags=904 range=None set=true"
            ),
            format!(
                "msLAPS-EncryptedDSRMPassword {arc}.5 2.5.5.10/4 single=true flags=904 range=None set=true"
            ),
            format!(
                "msLAPS-EncryptedDSRMPasswordHistory {arc}.6 2.5.5.10/4 single=false flags=904 range=None set=true"
            ),
            format!(
                "msLAPS-CurrentPasswordVersion {arc}.7 2.5.5.10/4 single=true flags=904 range=Some((16, 16)) set=true"
            ),
        ]
    );
}

#[test]
fn a_whole_schema_needs_nothing() {
    assert_eq!(plan(&whole()), SchemaPlan { changes: Vec::new(), faults: Vec::new() });
}

#[test]
fn an_empty_schema_is_extended_in_the_order_of_the_cmdlet() {
    use SchemaChange::{AddAttribute, AddPropertySet, AddToComputer, Reload};
    let mut expected = vec![Reload];
    expected.extend(LapsAttribute::ALL.map(AddAttribute));
    expected.extend([AddPropertySet, Reload, AddToComputer(LapsAttribute::ALL.into()), Reload]);
    assert_eq!(plan(&FoundSchema::default()).changes, expected);
}

#[test]
fn a_schema_of_2023_lacks_only_the_version() {
    use SchemaChange::{AddAttribute, AddToComputer, Reload};
    let version = LapsAttribute::CurrentPasswordVersion;
    let mut found = whole();
    found.attributes.remove(&version);
    found.on_computer.remove(&version);
    let changes = [Reload, AddAttribute(version), Reload, AddToComputer(vec![version]), Reload];
    assert_eq!(plan(&found).changes, changes);
}

#[test]
fn a_plan_broken_off_anywhere_is_finished_by_the_next() {
    let changes = plan(&FoundSchema::default()).changes;
    for broken_off in 0..=changes.len() {
        let mut found = FoundSchema::default();
        changes.iter().take(broken_off).for_each(|change| apply(&mut found, change));
        plan(&found).changes.iter().for_each(|change| apply(&mut found, change));
        assert_eq!(found, whole(), "after {broken_off} changes");
        assert_eq!(plan(&found).changes, []);
    }
}

#[test]
fn what_is_there_and_wrong_is_told_and_left_alone() {
    let with = |change: fn(&mut AttributeSchema)| {
        let mut found = whole();
        change(found.attributes.get_mut(&LapsAttribute::EncryptedPassword).unwrap());
        plan(&found)
    };
    let attribute = LapsAttribute::EncryptedPassword;
    type Change = fn(&mut AttributeSchema);
    let table: [(Change, SchemaFault); 7] = [
        (|schema| schema.oid = "1.2.3".to_owned(), SchemaFault::NotOurs(attribute)),
        (|schema| schema.syntax = "2.5.5.12".to_owned(), SchemaFault::NotOurs(attribute)),
        (|schema| schema.is_single_valued = false, SchemaFault::NotOurs(attribute)),
        (|schema| schema.range = Some((1, 2)), SchemaFault::Differs(attribute)),
        (|schema| schema.search_flags = 776, SchemaFault::Readable(attribute)),
        (|schema| schema.search_flags = 905, SchemaFault::Differs(attribute)),
        (|schema| schema.property_set = None, SchemaFault::Differs(attribute)),
    ];
    for (change, expected) in table {
        assert_eq!(with(change), SchemaPlan { changes: Vec::new(), faults: vec![expected] });
    }
    // The expiry is for everyone, so that flags of it which are not ours are no danger.
    let mut found = whole();
    found.attributes.get_mut(&LapsAttribute::PasswordExpirationTime).unwrap().search_flags = 1;
    assert_eq!(plan(&found).faults, [SchemaFault::Differs(LapsAttribute::PasswordExpirationTime)]);
}

#[test]
fn changes_are_sent_as_the_directory_wants_them() {
    let configuration: DistinguishedName = "CN=Configuration,DC=corp,DC=example".parse().unwrap();
    let contexts = NamingContexts { schema: configuration.child("CN", "Schema"), configuration };
    let edit = |change: SchemaChange| {
        let edit = change.edit(&contexts);
        let name = edit.name.map_or_else(String::new, |name| name.to_string());
        let values: Vec<String> = edit
            .values
            .iter()
            .map(|(name, value)| match core::str::from_utf8(value) {
                Ok(text) => format!("{name}: {text}"),
                Err(_) => format!("{name}:: {}", crate::hex::encode(value)),
            })
            .collect();
        (name, edit.is_new, values)
    };
    let (name, is_new, values) = edit(SchemaChange::AddAttribute(LapsAttribute::CurrentPasswordVersion));
    assert_eq!(name, "CN=ms-LAPS-CurrentPasswordVersion,CN=Schema,CN=Configuration,DC=corp,DC=example");
    assert!(is_new);
    assert_eq!(
        values,
        [
            "objectClass: attributeSchema",
            "lDAPDisplayName: msLAPS-CurrentPasswordVersion",
            "adminDisplayName: ms-LAPS-CurrentPasswordVersion",
            "attributeID: 1.2.840.113556.1.6.44.1.7",
            "attributeSyntax: 2.5.5.10",
            "oMSyntax: 4",
            "isSingleValued: TRUE",
            "isMemberOfPartialAttributeSet: FALSE",
            "systemOnly: FALSE",
            "searchFlags: 904",
            "showInAdvancedViewOnly: TRUE",
            "rangeLower: 16",
            "rangeUpper: 16",
            "attributeSecurityGUID:: c61e53f330638e4f8d397a671fbac605",
        ]
    );
    let (name, is_new, values) = edit(SchemaChange::AddPropertySet);
    let rights = "CN=Extended-Rights,CN=Configuration,DC=corp,DC=example";
    assert_eq!(name, format!("CN=ms-LAPS-Encrypted-Password-Attributes,{rights}"));
    assert!(is_new && values.contains(&"validAccesses: 48".to_owned()));
    assert!(values.contains(&"rightsGuid: f3531ec6-6330-4f8e-8d39-7a671fbac605".to_owned()));
    let (name, is_new, values) = edit(SchemaChange::AddToComputer(vec![LapsAttribute::Password]));
    assert_eq!(name, "CN=Computer,CN=Schema,CN=Configuration,DC=corp,DC=example");
    assert_eq!((is_new, values), (false, vec!["mayContain: msLAPS-Password".to_owned()]));
    let reload = (String::new(), false, vec!["schemaUpdateNow: 1".to_owned()]);
    assert_eq!(edit(SchemaChange::Reload), reload);
}
