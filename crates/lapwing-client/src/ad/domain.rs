//! What a controller says of itself and its domain, and what its schema has for LAPS.

use lapwing_core::types::{FileTime, Guid};
use lapwing_proto::ad::{
    attribute::{ENCRYPTED_PASSWORD_ATTRIBUTES, LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute},
    name::{ComputerIdentity, DistinguishedName},
    rights::SchemaGuids,
    schema::{AttributeSchema, FoundSchema, NamingContexts},
};

use super::{
    connection::{Connection, Entry, Scope, Search, SecurityParts},
    error::AdError,
};

/// What the root of a controller's directory says. [MS-ADTS] 3.1.1.3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDse {
    /// `defaultNamingContext`: the base of the controller's domain.
    pub domain: DistinguishedName,
    /// The forest's schema and configuration.
    pub contexts: NamingContexts,
    /// `dnsHostName`: the controller's full name.
    pub controller: String,
    /// `serverName`: its object below `CN=Sites`.
    pub server: DistinguishedName,
    /// `domainFunctionality`: 7 is Windows Server 2016, from which on passwords may be encrypted.
    pub domain_level: u32,
    /// `currentTime`: the controller's clock, as generalised time.
    pub time: String,
}

/// What a forest's schema has for LAPS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LapsSchema {
    /// The attributes of Windows LAPS and their property set.
    pub found: FoundSchema,
    /// Their `schemaIDGUID`s, which differ from forest to forest.
    pub guids: SchemaGuids,
    /// That of the password of legacy Microsoft LAPS, if the schema has it.
    pub legacy_password: Option<Guid>,
    /// That of its expiry.
    pub legacy_expiry: Option<Guid>,
}

/// A computer's own object, as its account finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computer {
    /// Where it is now.
    pub name: DistinguishedName,
    /// `objectGUID`, which stays when it is moved or renamed.
    pub guid: Guid,
}

/// A computer in its domain, as a controller shows both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// What the controller says of itself.
    pub root: RootDse,
    /// The computer's own object.
    pub computer: Computer,
}

impl LapsSchema {
    /// Whether computers can have this attribute.
    #[must_use]
    pub fn has(&self, attribute: LapsAttribute) -> bool {
        self.found.attributes.contains_key(&attribute) && self.found.on_computer.contains(&attribute)
    }
}

impl Connection {
    /// Reads what the controller says of itself.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn root(&mut self) -> Result<RootDse, AdError> {
        const ATTRIBUTES: [&str; 7] = [
            "defaultNamingContext",
            "schemaNamingContext",
            "configurationNamingContext",
            "dnsHostName",
            "serverName",
            "domainFunctionality",
            "currentTime",
        ];
        let entry = self.read("", &ATTRIBUTES).await?;
        entry.as_ref().and_then(root).ok_or_else(|| self.malformed("the root of the directory"))
    }

    /// Finds the computer whose account, with its `$`, is this one; none if it is not there, or not to be seen.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn home(&mut self, account: &str) -> Result<Option<Home>, AdError> {
        let root = self.root().await?;
        Ok(self.computer(&root, account).await?.map(|computer| Home { root, computer }))
    }

    async fn computer(&mut self, root: &RootDse, account: &str) -> Result<Option<Computer>, AdError> {
        let search = Search {
            base: root.domain.as_str(),
            scope: Scope::Subtree,
            filter: &ComputerIdentity::SamAccountName(account.to_owned()).filter(),
            attributes: &["objectGUID"],
            security: SecurityParts::None,
        };
        let Some(entry) = self.read_with(&search).await? else { return Ok(None) };
        let guid = entry.value("objectGUID").and_then(|bytes| bytes.try_into().ok()).map(Guid::from_bytes_le);
        let computer = entry.name.parse().ok().zip(guid).map(|(name, guid)| Computer { name, guid });
        computer.map(Some).ok_or_else(|| self.malformed("this computer's object"))
    }

    /// Looks what the schema has for LAPS.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn laps_schema(&mut self, contexts: &NamingContexts) -> Result<LapsSchema, AdError> {
        const ATTRIBUTES: [&str; 11] = [
            "lDAPDisplayName",
            "attributeID",
            "attributeSyntax",
            "oMSyntax",
            "isSingleValued",
            "searchFlags",
            "rangeLower",
            "rangeUpper",
            "attributeSecurityGUID",
            "schemaIDGUID",
            "isDefunct",
        ];
        let names = LapsAttribute::ALL.map(LapsAttribute::ldap_name).into_iter();
        let names = names.chain([LEGACY_PASSWORD, LEGACY_EXPIRATION_TIME]);
        let filter: String = names.map(|name| format!("(lDAPDisplayName={name})")).collect();
        let attributes = Search {
            base: contexts.schema.as_str(),
            scope: Scope::OneLevel,
            filter: &format!("(&(objectClass=attributeSchema)(|{filter}))"),
            attributes: &ATTRIBUTES,
            security: SecurityParts::None,
        };
        let mut schema = LapsSchema::default();
        for entry in self.search(&attributes).await? {
            schema.take(&entry).ok_or_else(|| self.malformed("an attribute of the schema"))?;
        }
        schema.found.has_property_set = self.has_property_set(contexts).await?;
        let computer = contexts.schema.child("CN", "Computer");
        if let Some(class) = self.read(computer.as_str(), &["mayContain", "systemMayContain"]).await? {
            let allowed: Vec<&str> =
                class.texts("mayContain").chain(class.texts("systemMayContain")).collect();
            let is_allowed = |attribute: &LapsAttribute| {
                allowed.iter().any(|name| name.eq_ignore_ascii_case(attribute.ldap_name()))
            };
            schema.found.on_computer = LapsAttribute::ALL.into_iter().filter(is_allowed).collect();
        }
        Ok(schema)
    }

    async fn has_property_set(&mut self, contexts: &NamingContexts) -> Result<bool, AdError> {
        let rights = contexts.configuration.child("CN", "Extended-Rights");
        let search = Search {
            base: rights.as_str(),
            scope: Scope::OneLevel,
            filter: &format!("(rightsGuid={ENCRYPTED_PASSWORD_ATTRIBUTES})"),
            attributes: &["cn"],
            security: SecurityParts::None,
        };
        Ok(!self.search(&search).await?.is_empty())
    }
}

impl RootDse {
    /// What the controller's clock showed; none if that makes no sense.
    #[must_use]
    pub fn clock(&self) -> Option<FileTime> {
        clock(&self.time)
    }

    /// The names of the domain and of its forest in DNS.
    #[must_use]
    pub fn dns_names(&self) -> Option<(String, String)> {
        // The configuration is right below the forest's first domain. [MS-ADTS] 6.1.1.2.1.
        let forest = self.contexts.configuration.parent()?;
        Some((self.domain.dns_domain()?, forest.dns_domain()?))
    }
}

/// Such as `20261122180612.0Z`. [MS-ADTS] 3.1.1.3.2.6; RFC 4517 section 3.3.13.
fn clock(text: &str) -> Option<FileTime> {
    let digits = text.split_at_checked(14)?.0;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

fn root(entry: &Entry) -> Option<RootDse> {
    let name = |attribute| entry.text(attribute)?.parse::<DistinguishedName>().ok();
    Some(RootDse {
        domain: name("defaultNamingContext")?,
        contexts: NamingContexts {
            schema: name("schemaNamingContext")?,
            configuration: name("configurationNamingContext")?,
        },
        controller: entry.text("dnsHostName")?.to_ascii_lowercase(),
        server: name("serverName")?,
        domain_level: entry.text("domainFunctionality")?.parse().ok()?,
        time: entry.text("currentTime")?.to_owned(),
    })
}

impl LapsSchema {
    /// Takes an attribute's object; none if it makes no sense. A defunct one is as good as not there: [MS-ADTS] 3.1.1.2.3.3.
    fn take(&mut self, entry: &Entry) -> Option<()> {
        if entry.text("isDefunct") == Some("TRUE") {
            return Some(());
        }
        let number = |attribute| -> Option<u32> { entry.text(attribute)?.parse().ok() };
        let guid = |attribute| Some(Guid::from_bytes_le(entry.value(attribute)?.try_into().ok()?));
        let name = entry.text("lDAPDisplayName")?;
        let identity = guid("schemaIDGUID")?;
        if name.eq_ignore_ascii_case(LEGACY_PASSWORD) {
            self.legacy_password = Some(identity);
        } else if name.eq_ignore_ascii_case(LEGACY_EXPIRATION_TIME) {
            self.legacy_expiry = Some(identity);
        } else {
            let is_named = |attribute: &LapsAttribute| name.eq_ignore_ascii_case(attribute.ldap_name());
            let attribute = LapsAttribute::ALL.into_iter().find(is_named)?;
            let schema = AttributeSchema {
                oid: entry.text("attributeID")?.to_owned(),
                syntax: entry.text("attributeSyntax")?.to_owned(),
                om_syntax: number("oMSyntax")?,
                is_single_valued: entry.text("isSingleValued")? == "TRUE",
                search_flags: number("searchFlags").unwrap_or(0),
                range: number("rangeLower").zip(number("rangeUpper")),
                property_set: guid("attributeSecurityGUID"),
            };
            self.found.attributes.insert(attribute, schema);
            self.guids.insert(attribute, identity);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_clock_is_read_and_nonsense_is_none() {
        let noon: FileTime = "2026-11-22T12:06:07Z".parse().unwrap();
        assert_eq!(clock("20261122120607.0Z"), Some(noon));
        for text in ["", "2026", "20261322120607.0Z", "+0261122120607.0Z", "2026112212060\u{e9}.0Z"] {
            assert_eq!(clock(text), None, "{text}");
        }
    }
}
