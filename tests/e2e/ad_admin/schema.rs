//! The schema of a forest, extended by who may and nobody else, as an independent program sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use xtask::lab::domain::{BASE, DOMAIN};

use super::World;

impl World {
    /// Lets Samba take changes of the schema, or not, which it reads when it starts.
    fn allow_schema_updates(&self, answer: &str) {
        let controller = &self.domain.controller;
        let set = format!("s/\\(dsdb:schema update allowed *= *\\).*/\\1{answer}/");
        controller.run(&["sed", "-i", &set, "/etc/samba/smb.conf"]).unwrap();
        controller.run(&["systemctl", "restart", "samba-ad-dc.service"]).unwrap();
        let ask = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-H"];
        let url = format!("ldap://{}.{DOMAIN}", controller.name());
        let ask = [&ask[..], &[&url, "-b", "", "-s", "base", "defaultNamingContext"]].concat();
        self.host
            .wait_until("Samba answers again", Duration::from_secs(60), |host| Ok(host.run(&ask).is_ok()))
            .unwrap();
    }
}

/// Entries of LDIF by the value of one attribute; of each, all lines but the first.
fn entries(ldif: &str, key: &str) -> BTreeMap<String, BTreeSet<String>> {
    let blocks = ldif.split("\n\n").filter(|block| block.contains(": "));
    let entry = |block: &str| {
        let lines: BTreeSet<String> = block.trim().lines().skip(1).map(str::to_owned).collect();
        let name = lines.iter().find_map(|line| line.strip_prefix(&format!("{key}: "))).unwrap().to_owned();
        (name, lines)
    };
    blocks.map(entry).collect()
}

const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=lapwing,DC=test";
const OURS: &str = "(lDAPDisplayName=msLAPS-*)";

/// That the schema is word for word what the "Schema extensions reference for Windows LAPS" has, told by OpenLDAP's tools.
fn judge_schema(world: &World) {
    const LARGE_INTEGER: (&str, &str) = ("2.5.5.16", "65");
    const PRINTABLE: (&str, &str) = ("2.5.5.5", "19");
    const OCTETS: (&str, &str) = ("2.5.5.10", "4");
    // The property set f3531ec6-6330-4f8e-8d39-7a671fbac605 in Microsoft's order of bytes.
    const PROPERTY_SET: &str = "attributeSecurityGUID:: xh5T8zBjjk+NOXpnH7rGBQ==";
    let expected = [
        (1, "msLAPS-PasswordExpirationTime", LARGE_INTEGER, "TRUE", "0", &[][..]),
        (2, "msLAPS-Password", PRINTABLE, "TRUE", "904", &[]),
        (3, "msLAPS-EncryptedPassword", OCTETS, "TRUE", "904", &[PROPERTY_SET]),
        (4, "msLAPS-EncryptedPasswordHistory", OCTETS, "FALSE", "904", &[PROPERTY_SET]),
        (5, "msLAPS-EncryptedDSRMPassword", OCTETS, "TRUE", "904", &[PROPERTY_SET]),
        (6, "msLAPS-EncryptedDSRMPasswordHistory", OCTETS, "FALSE", "904", &[PROPERTY_SET]),
        (
            7,
            "msLAPS-CurrentPasswordVersion",
            OCTETS,
            "TRUE",
            "904",
            &[PROPERTY_SET, "rangeLower: 16", "rangeUpper: 16"],
        ),
    ];
    let asked = [
        "cn",
        "lDAPDisplayName",
        "attributeID",
        "attributeSyntax",
        "oMSyntax",
        "isSingleValued",
        "searchFlags",
        "rangeLower",
        "rangeUpper",
        "attributeSecurityGUID",
        "systemOnly",
        "isMemberOfPartialAttributeSet",
    ];
    let mut found = entries(&world.search(SCHEMA, OURS, &asked), "lDAPDisplayName");
    for (number, name, (syntax, om_syntax), single, flags, more) in expected {
        let cn = name.replacen("msLAPS", "ms-LAPS", 1);
        let lines = [
            format!("cn: {cn}"),
            format!("lDAPDisplayName: {name}"),
            format!("attributeID: 1.2.840.113556.1.6.44.1.{number}"),
            format!("attributeSyntax: {syntax}"),
            format!("oMSyntax: {om_syntax}"),
            format!("isSingleValued: {single}"),
            format!("searchFlags: {flags}"),
            "systemOnly: FALSE".to_owned(),
            "isMemberOfPartialAttributeSet: FALSE".to_owned(),
        ];
        let lines = lines.into_iter().chain(more.iter().map(|line| (*line).to_owned())).collect();
        assert_eq!(found.remove(name), Some(lines), "{name}");
        let class = world.search(&format!("CN=Computer,{SCHEMA}"), "(objectClass=*)", &["mayContain"]);
        assert!(class.lines().any(|line| line == format!("mayContain: {name}")), "{class}");
    }
    assert_eq!(found, BTreeMap::new());
    let rights = format!("CN=Extended-Rights,CN=Configuration,{BASE}");
    let filter = "(rightsGuid=f3531ec6-6330-4f8e-8d39-7a671fbac605)";
    let right = world.search(&rights, filter, &["cn", "objectClass", "validAccesses", "appliesTo"]);
    for line in [
        "cn: ms-LAPS-Encrypted-Password-Attributes",
        "objectClass: controlAccessRight",
        "validAccesses: 48",
        "appliesTo: bf967a86-0de6-11d0-a285-00aa003049e2",
    ] {
        assert!(right.lines().any(|found| found == line), "{line} is not in {right}");
    }
}

#[test]
fn the_schema_is_extended_by_who_may_and_only_where_nothing_stands_in_the_way() {
    let world = World::new();
    let count = || world.search(SCHEMA, OURS, &["cn"]).matches("dn: ").count();

    world.lapwing(&["update-ad-schema", "--yes"]).must_fail(3, &["there is no Kerberos ticket", "kinit"]);
    world
        .lapwing_as("ordinary", &["update-ad-schema", "--yes"])
        .must_fail(3, &["LDAP result", "Schema Admins"]);
    world.lapwing_as("administrator", &["update-ad-schema"]).must_fail(2, &["--dry-run", "--yes", "to add"]);
    let shown = world.lapwing_as("administrator", &["update-ad-schema", "--dry-run", "--json"]).json();
    assert_eq!(shown["SchemaMaster"], format!("dc1.{DOMAIN}"));
    assert_eq!((shown["Changes"].as_array().unwrap().len(), &shown["IsChanged"]), (9, &Value::Bool(false)));
    world.kinit();
    assert_eq!(count(), 0);
    let read = world.lapwing(&["get-ad-password", "DC1", "--as-plain-text"]);
    read.must_fail(4, &["the schema of the forest has no LAPS", "lapwing update-ad-schema"]);
    let expired = world.lapwing(&["set-ad-password-expiration-time", "DC1"]);
    expired.must_fail(1, &["LDAP result", "lapwing update-ad-schema"]);

    // Somebody's attribute of that name shows passwords to everybody.
    world.modify(&format!(
        "dn: CN=ms-LAPS-Password,{SCHEMA}\nchangetype: add\nobjectClass: attributeSchema\n\
         lDAPDisplayName: msLAPS-Password\nattributeID: 1.2.840.113556.1.6.44.1.2\nattributeSyntax: 2.5.5.5\n\
         oMSyntax: 19\nisSingleValued: TRUE\nsearchFlags: 0\nsystemOnly: FALSE\n\
         isMemberOfPartialAttributeSet: FALSE\n"
    ));
    let faulty = world.lapwing(&["update-ad-schema", "--yes", "--json"]);
    faulty.must_fail(1, &["msLAPS-Password is not confidential", "nothing was changed"]);
    let told: Value = serde_json::from_str(&faulty.out).unwrap();
    assert_eq!(
        (&told["Faults"][0]["Attribute"], &told["IsChanged"]),
        (&"msLAPS-Password".into(), &false.into())
    );
    assert_eq!(count(), 1);
    // Once it is right it is what an earlier run, broken off, has left.
    let ldif = format!(
        "dn: CN=ms-LAPS-Password,{SCHEMA}\nchangetype: modify\nreplace: searchFlags\nsearchFlags: 904\n"
    );
    world.modify(&ldif);

    world.allow_schema_updates("no");
    let refused = world.lapwing(&["update-ad-schema", "--yes"]);
    refused.must_fail(3, &["LDAP result 53", "dsdb:schema update allowed"]);
    assert_eq!(count(), 1);
    world.allow_schema_updates("yes");

    let done = world.lapwing(&["update-ad-schema", "--yes", "--json"]).json();
    assert_eq!((done["Changes"].as_array().unwrap().len(), &done["IsChanged"]), (8, &Value::Bool(true)));
    judge_schema(&world);

    // Nothing is written a second time: the numbers of updates stay.
    let numbers = || world.search(&format!("CN=Configuration,{BASE}"), "(cn=*)", &["uSNChanged"]);
    let before = numbers();
    let again = world.lapwing(&["update-ad-schema", "--yes", "--json"]).json();
    assert_eq!((again["Changes"].as_array().unwrap().len(), &again["IsChanged"]), (0, &Value::Bool(false)));
    assert_eq!(numbers(), before);
}

#[test]
fn the_schema_is_extended_on_its_master_whichever_controller_is_asked() {
    let world = World::new();
    let second = world.domain.add_controller(&world.lab).unwrap();
    world.kinit();
    let update = format!("lapwing update-ad-schema --server {}", second.name());
    let no = world.typed(&update, "no\n");
    assert_eq!(no.code, 3, "{}", no.out);
    assert!(no.out.contains("for ever? [yes/no]") && no.out.contains("nothing was changed"), "{}", no.out);
    assert_eq!(world.search(SCHEMA, OURS, &["cn"]).matches("dn: ").count(), 0);
    let yes = world.typed(&update, "yes\n");
    assert_eq!(yes.code, 0, "{}", yes.out);
    assert!(yes.out.contains(&format!("Schema master  dc1.{DOMAIN}")), "{}", yes.out);
    judge_schema(&world);
    // The one that was asked learns of it, and can be asked for what is stored.
    world.domain.replicate(&second).unwrap();
    let read = world.lapwing(&["get-ad-password", "DC1", "--as-plain-text", "--server", second.name()]);
    read.must_fail(4, &["no password of CN=DC1,OU=Domain Controllers"]);
}
