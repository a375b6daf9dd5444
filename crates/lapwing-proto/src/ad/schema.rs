//! The schema that LAPS needs, and what is left to add to a forest's. `Update-LapsADSchema`.
//!
//! A client probes the schema, [`plan`] compares, the client applies the changes in their order. Nothing is ever changed
//! or removed that is there: a schema knows no way back. Sources: [MS-ADA2] 2.64 to 2.69, [MS-ADTS] 3.1.1.2, "Schema
//! extensions reference for Windows LAPS".

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::{COMPUTER_CLASS, ENCRYPTED_PASSWORD_ATTRIBUTES, LapsAttribute};
use super::name::DistinguishedName;

/// What the schema says of an attribute. [MS-ADTS] 3.1.1.2.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeSchema {
    /// `attributeID`.
    pub oid: String,
    /// `attributeSyntax`.
    pub syntax: String,
    /// `oMSyntax`.
    pub om_syntax: u32,
    /// `isSingleValued`.
    pub is_single_valued: bool,
    /// `searchFlags`.
    pub search_flags: u32,
    /// `rangeLower` and `rangeUpper`.
    pub range: Option<(u32, u32)>,
    /// `attributeSecurityGUID`: the property set.
    pub property_set: Option<lapwing_core::types::Guid>,
}

/// `fCONFIDENTIAL`: reading needs `CONTROL_ACCESS`. [MS-ADTS] 3.1.1.2.3.
const CONFIDENTIAL: u32 = 0x080;
/// `fPRESERVEONDELETE`, `fCONFIDENTIAL`, `fNEVERVALUEAUDIT` and `fRODCFilteredAttribute`. [MS-ADTS] 3.1.1.2.3.
const SECRET: u32 = 0x008 | CONFIDENTIAL | 0x100 | 0x200;
/// The arc below which Microsoft has numbered the attributes. [MS-ADA2] 2.64 to 2.69.
const ARC: &str = "1.2.840.113556.1.6.44.1";
/// Read and write of properties, which makes the extended right a property set. [MS-ADTS] 5.1.3.2.1.
const VALID_ACCESSES: &str = "48";
/// The name of the property set's object.
pub const PROPERTY_SET_CN: &str = "ms-LAPS-Encrypted-Password-Attributes";

impl LapsAttribute {
    /// What the schema must say of it.
    #[must_use]
    pub fn schema(self) -> AttributeSchema {
        const LARGE_INTEGER: (&str, u32) = ("2.5.5.16", 65);
        const PRINTABLE: (&str, u32) = ("2.5.5.5", 19);
        const OCTETS: (&str, u32) = ("2.5.5.10", 4);
        let (number, (syntax, om_syntax), is_single_valued) = match self {
            Self::PasswordExpirationTime => (1, LARGE_INTEGER, true),
            Self::Password => (2, PRINTABLE, true),
            Self::EncryptedPassword => (3, OCTETS, true),
            Self::EncryptedPasswordHistory => (4, OCTETS, false),
            Self::EncryptedDsrmPassword => (5, OCTETS, true),
            Self::EncryptedDsrmPasswordHistory => (6, OCTETS, false),
            Self::CurrentPasswordVersion => (7, OCTETS, true),
        };
        AttributeSchema {
            oid: format!("{ARC}.{number}"),
            syntax: syntax.to_owned(),
            om_syntax,
            is_single_valued,
            search_flags: if self.is_confidential() { SECRET } else { 0 },
            range: matches!(self, Self::CurrentPasswordVersion).then_some((16, 16)),
            property_set: self.property_set(),
        }
    }
}

/// What a probe of a forest's schema found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundSchema {
    /// The attributes that are there.
    pub attributes: BTreeMap<LapsAttribute, AttributeSchema>,
    /// Whether an object below `CN=Extended-Rights` has the property set's `rightsGuid`.
    pub has_property_set: bool,
    /// The attributes that a `computer` may have.
    pub on_computer: BTreeSet<LapsAttribute>,
}

/// One step towards the schema that LAPS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaChange {
    /// Has the schema master read its schema again: `schemaUpdateNow` at the root. [MS-ADTS] 3.1.1.3.3.13.
    Reload,
    /// Adds an attribute.
    AddAttribute(LapsAttribute),
    /// Adds the property set of the encrypted attributes.
    AddPropertySet,
    /// Adds attributes to what a `computer` may have.
    AddToComputer(Vec<LapsAttribute>),
}

/// An attribute that is there and differs from what it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaFault {
    /// Of another OID, syntax or number of values: not the attribute of Windows LAPS.
    NotOurs(LapsAttribute),
    /// Not confidential: everyone who reads properties reads passwords.
    Readable(LapsAttribute),
    /// Of another property set or range or with other flags, which is worth knowing and shows no password.
    Differs(LapsAttribute),
}

/// What is left to do, and what is wrong with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaPlan {
    /// The changes in the order in which they must be made; none if there is nothing to do.
    pub changes: Vec<SchemaChange>,
    /// What only an administrator of the schema can judge.
    pub faults: Vec<SchemaFault>,
}

/// Compares a schema with what LAPS needs.
///
/// The order is that of Windows' cmdlet. Every change looks for itself, so that a plan broken off is made anew from
/// another probe, and one for a schema that has everything is empty.
#[must_use]
pub fn plan(found: &FoundSchema) -> SchemaPlan {
    let missing =
        LapsAttribute::ALL.into_iter().filter(|attribute| !found.attributes.contains_key(attribute));
    let mut objects: Vec<SchemaChange> = missing.map(SchemaChange::AddAttribute).collect();
    if !found.has_property_set {
        objects.push(SchemaChange::AddPropertySet);
    }
    let not_on_computer: Vec<LapsAttribute> =
        LapsAttribute::ALL.into_iter().filter(|attribute| !found.on_computer.contains(attribute)).collect();
    let mut changes = Vec::new();
    if !objects.is_empty() {
        changes.push(SchemaChange::Reload);
        changes.append(&mut objects);
        changes.push(SchemaChange::Reload);
    }
    if !not_on_computer.is_empty() {
        changes.push(SchemaChange::AddToComputer(not_on_computer));
        changes.push(SchemaChange::Reload);
    }
    let faults =
        found.attributes.iter().filter_map(|(attribute, schema)| fault(*attribute, schema)).collect();
    SchemaPlan { changes, faults }
}

fn fault(attribute: LapsAttribute, found: &AttributeSchema) -> Option<SchemaFault> {
    let wanted = attribute.schema();
    let is_ours = found.oid == wanted.oid
        && found.syntax == wanted.syntax
        && found.om_syntax == wanted.om_syntax
        && found.is_single_valued == wanted.is_single_valued;
    if !is_ours {
        Some(SchemaFault::NotOurs(attribute))
    } else if wanted.search_flags & !found.search_flags & CONFIDENTIAL != 0 {
        Some(SchemaFault::Readable(attribute))
    } else if *found != wanted {
        Some(SchemaFault::Differs(attribute))
    } else {
        None
    }
}

/// A modification to send: an object to add, or values to add to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaEdit {
    /// The object; none for the root of the directory.
    pub name: Option<DistinguishedName>,
    /// Whether the object is new.
    pub is_new: bool,
    /// The attributes and their values.
    pub values: Vec<(&'static str, Vec<u8>)>,
}

/// Where a forest keeps its schema and its configuration: `schemaNamingContext` and `configurationNamingContext` of its
/// root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingContexts {
    /// `CN=Schema,CN=Configuration,…`.
    pub schema: DistinguishedName,
    /// `CN=Configuration,…`.
    pub configuration: DistinguishedName,
}

impl SchemaChange {
    /// The change as a modification. No `schemaIDGUID` is given: the directory draws one.
    #[must_use]
    pub fn edit(&self, contexts: &NamingContexts) -> SchemaEdit {
        let text = |name, value: &str| (name, value.as_bytes().to_vec());
        match self {
            Self::Reload => {
                SchemaEdit { name: None, is_new: false, values: vec![text("schemaUpdateNow", "1")] }
            }
            Self::AddAttribute(attribute) => SchemaEdit {
                name: Some(contexts.schema.child("CN", &attribute.cn())),
                is_new: true,
                values: attribute_values(*attribute),
            },
            Self::AddPropertySet => SchemaEdit {
                name: Some(
                    contexts.configuration.child("CN", "Extended-Rights").child("CN", PROPERTY_SET_CN),
                ),
                is_new: true,
                values: vec![
                    text("objectClass", "controlAccessRight"),
                    text("displayName", PROPERTY_SET_CN),
                    text("rightsGuid", &ENCRYPTED_PASSWORD_ATTRIBUTES.to_string()),
                    text("appliesTo", &COMPUTER_CLASS.to_string()),
                    text("validAccesses", VALID_ACCESSES),
                ],
            },
            Self::AddToComputer(attributes) => SchemaEdit {
                name: Some(contexts.schema.child("CN", "Computer")),
                is_new: false,
                values: attributes
                    .iter()
                    .map(|attribute| text("mayContain", attribute.ldap_name()))
                    .collect(),
            },
        }
    }
}

fn attribute_values(attribute: LapsAttribute) -> Vec<(&'static str, Vec<u8>)> {
    let schema = attribute.schema();
    let truth = |is_true: bool| if is_true { "TRUE" } else { "FALSE" };
    let mut values: Vec<(&'static str, Vec<u8>)> = [
        ("objectClass", "attributeSchema".to_owned()),
        ("lDAPDisplayName", attribute.ldap_name().to_owned()),
        ("adminDisplayName", attribute.cn()),
        ("attributeID", schema.oid),
        ("attributeSyntax", schema.syntax),
        ("oMSyntax", schema.om_syntax.to_string()),
        ("isSingleValued", truth(schema.is_single_valued).to_owned()),
        ("isMemberOfPartialAttributeSet", truth(false).to_owned()),
        ("systemOnly", truth(false).to_owned()),
        ("searchFlags", schema.search_flags.to_string()),
        ("showInAdvancedViewOnly", truth(true).to_owned()),
    ]
    .map(|(name, value)| (name, value.into_bytes()))
    .into();
    if let Some((lower, upper)) = schema.range {
        values.push(("rangeLower", lower.to_string().into_bytes()));
        values.push(("rangeUpper", upper.to_string().into_bytes()));
    }
    if let Some(guid) = schema.property_set {
        values.push(("attributeSecurityGUID", guid.to_bytes_le().to_vec()));
    }
    values
}

#[cfg(test)]
mod tests;
