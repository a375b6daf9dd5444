//! What the directory says: the computer and its groups, the containers above it, the objects that they are linked to.
//! [MS-GPOL] 3.2.5.1.2 to 3.2.5.1.6.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{
    secret::SecretBytes,
    types::{SecurityDescriptor, Sid},
};
use lapwing_proto::{
    ad::name::DistinguishedName,
    gpo::{Container, GpoVersion, PolicyObject, Skipped, WhySkipped, parse_links},
};

use super::{GroupPolicyError, Member, OBJECTS_MAX, SkippedLink};
use crate::ad::{
    connection::{Connection, Entry, Scope, Search, SecurityParts},
    domain::Home,
    error::AdError,
};

/// What is in the token of every machine that logs on over the network, beside the groups that the domain tells.
/// [MS-DTYP] 2.4.2.4: everyone, network, authenticated users, this organisation.
const OF_EVERY_MACHINE: [&str; 4] = ["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-15"];

/// What decides which objects hold.
#[derive(Debug)]
pub(super) struct Directory {
    /// From the site over the domain to the nearest organisational unit.
    pub(super) chain: Vec<Container>,
    /// The objects that can be read, by their distinguished names in lower case.
    pub(super) objects: BTreeMap<String, PolicyObject>,
    /// The SIDs of the computer.
    pub(super) token: BTreeSet<Sid>,
    /// Where the objects of this domain are, in lower case.
    home: String,
}

impl Directory {
    /// Reads all of it.
    ///
    /// # Errors
    /// Every [`GroupPolicyError`] that is about the directory.
    pub(super) async fn read(
        connection: &mut Connection,
        member: &Member<'_>,
    ) -> Result<Self, GroupPolicyError> {
        let Home { root, computer } = member.home;
        let token = token(connection, &computer.name, member.account).await?;
        let mut names = containers(&computer.name, &root.domain);
        if let Some(site) = member.site {
            let sites = root.contexts.configuration.child("CN", "Sites");
            names.insert(0, sites.child("CN", site.as_str()));
        }
        let mut chain = Vec::new();
        for name in names {
            chain.push(container(connection, name).await?);
        }
        let home = root.domain.child("CN", "System").child("CN", "Policies").to_string().to_ascii_lowercase();
        let mut directory = Self { chain, objects: BTreeMap::new(), token, home };
        directory.read_objects(connection).await?;
        Ok(directory)
    }

    async fn read_objects(&mut self, connection: &mut Connection) -> Result<(), GroupPolicyError> {
        let linked: BTreeSet<&str> = self
            .chain
            .iter()
            .flat_map(|container| &container.links)
            .filter(|link| !link.is_disabled && self.is_at_home(&link.gpo))
            .map(|link| link.gpo.as_str())
            .collect();
        if linked.len() > OBJECTS_MAX {
            return Err(GroupPolicyError::TooMany(linked.len()));
        }
        let mut objects = BTreeMap::new();
        for name in linked {
            if let Some(object) = object(connection, name).await? {
                objects.insert(name.to_ascii_lowercase(), object);
            }
        }
        self.objects = objects;
        Ok(())
    }

    /// Whether an object is one of this domain's own. Sites have links to objects of other domains too.
    fn is_at_home(&self, gpo: &str) -> bool {
        let parent = gpo.parse().ok().and_then(|name: DistinguishedName| name.parent());
        parent.is_some_and(|parent| parent.as_str().eq_ignore_ascii_case(&self.home))
    }

    /// What people are told of a link that comes to nothing.
    pub(super) fn skipped(&self, skipped: &Skipped<'_>) -> SkippedLink {
        let known = self.objects.get(&skipped.gpo.to_ascii_lowercase());
        // DEVIATION(11): Windows asks the other domain.
        let why = match skipped.why {
            WhySkipped::NotFound if !self.is_at_home(skipped.gpo) => {
                "it belongs to another domain, which is not asked".to_owned()
            }
            why => why.to_string(),
        };
        SkippedLink {
            object: known.map_or_else(|| skipped.gpo.to_owned(), |object| object.display_name.clone()),
            container: skipped.container.to_owned(),
            why,
        }
    }
}

/// All SIDs of the computer.
async fn token(
    connection: &mut Connection,
    computer: &DistinguishedName,
    account: &str,
) -> Result<BTreeSet<Sid>, GroupPolicyError> {
    // `tokenGroups` is made for whoever asks for it at this very entry: every group, those within groups too. [MS-ADTS]
    // 3.1.1.4.5.19.
    let attributes = ["objectSid", "primaryGroupID", "tokenGroups"];
    let entry = connection.read(computer.as_str(), &attributes).await?;
    let entry = entry.ok_or_else(|| GroupPolicyError::NoAccount { account: account.to_owned() })?;
    let groups = entry.values("tokenGroups");
    // Every computer is in its primary group at least.
    if groups.is_empty() {
        return Err(GroupPolicyError::NoGroups { account: account.to_owned() });
    }
    let own = entry.values("objectSid").iter().chain(groups).map(sid);
    let mut token: BTreeSet<Sid> =
        own.collect::<Option<_>>().ok_or_else(|| malformed(connection, "a SID of this host"))?;
    let primary = entry
        .value("objectSid")
        .and_then(|own| Sid::read_from(own).ok())
        .zip(number(&entry, "primaryGroupID"));
    token.extend(primary.and_then(|((own, _), group)| own.issuer()?.with_relative_id(group)));
    token.extend(OF_EVERY_MACHINE.iter().filter_map(|sid| sid.parse().ok()));
    Ok(token)
}

fn sid(value: &SecretBytes) -> Option<Sid> {
    match Sid::read_from(value.expose_secret()) {
        Ok((sid, [])) => Some(sid),
        Ok(_) | Err(_) => None,
    }
}

/// The domain and the organisational units above the computer, from the domain on. Nothing else below a site can have
/// links: [MS-GPOL] 3.2.5.1.4.
fn containers(computer: &DistinguishedName, domain: &DistinguishedName) -> Vec<DistinguishedName> {
    let is_domain = |name: &DistinguishedName| name.as_str().eq_ignore_ascii_case(domain.as_str());
    let mut units: Vec<DistinguishedName> = computer
        .ancestors()
        .take_while(|name| !is_domain(name))
        .filter(|name| name.as_str().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("OU=")))
        .collect();
    units.push(domain.clone());
    units.reverse();
    units
}

async fn container(
    connection: &mut Connection,
    name: DistinguishedName,
) -> Result<Container, GroupPolicyError> {
    let entry = connection.read(name.as_str(), &["gPLink", "gPOptions"]).await?;
    // One that is not to be seen may have links that count.
    let Some(entry) = entry else { return Err(GroupPolicyError::Container { container: name }) };
    let links = parse_links(entry.text("gPLink").unwrap_or_default());
    Ok(Container {
        links: links.map_err(|source| GroupPolicyError::Links { container: name.clone(), source })?,
        blocks_inheritance: number(&entry, "gPOptions").is_some_and(|options| options & 1 != 0),
        name: name.to_string(),
    })
}

/// An object; none if it is not there, or not to be seen.
async fn object(connection: &mut Connection, name: &str) -> Result<Option<PolicyObject>, GroupPolicyError> {
    let search = Search {
        base: name,
        scope: Scope::Base,
        filter: "(objectClass=groupPolicyContainer)",
        attributes: &[
            "displayName",
            "gPCFileSysPath",
            "flags",
            "versionNumber",
            "gPCMachineExtensionNames",
            "gPCWQLFilter",
            "nTSecurityDescriptor",
        ],
        security: SecurityParts::WithoutAuditing,
    };
    let Some(entry) = connection.read_with(&search).await? else { return Ok(None) };
    let text = |attribute| entry.text(attribute).unwrap_or_default().to_owned();
    let malformed = |what| GroupPolicyError::Object { object: name.to_owned(), what };
    let version = match entry.text("versionNumber") {
        Some(text) => GpoVersion::parse(text).ok_or_else(|| malformed("the version"))?,
        None => GpoVersion::from_number(0),
    };
    let descriptor = entry.value("nTSecurityDescriptor").map(SecurityDescriptor::parse).transpose();
    let display_name = entry.text("displayName").filter(|shown| !shown.is_empty()).unwrap_or(name).to_owned();
    Ok(Some(PolicyObject {
        display_name,
        path: text("gPCFileSysPath"),
        flags: number(&entry, "flags").unwrap_or_default(),
        version,
        machine_extensions: text("gPCMachineExtensionNames"),
        wmi_filter: text("gPCWQLFilter"),
        descriptor: descriptor.map_err(|_malformed| malformed("the security descriptor"))?,
    }))
}

/// A number of 32 bits, which LDAP prints with a sign.
fn number(entry: &Entry, attribute: &str) -> Option<u32> {
    let text = entry.text(attribute)?;
    text.parse::<u32>().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

fn malformed(connection: &Connection, what: &'static str) -> GroupPolicyError {
    AdError::Malformed { peer: connection.peer().to_owned(), what }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_looked_for_in_the_domain_and_in_units_alone_from_far_to_near() {
        let domain = "DC=corp,DC=example".parse().unwrap();
        let computer = r"CN=a,CN=Box,ou=Web\, East,OU=Servers,dc=corp,dc=example".parse().unwrap();
        let found: Vec<String> = containers(&computer, &domain).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "DC=corp,DC=example",
                "OU=Servers,dc=corp,dc=example",
                r"ou=Web\, East,OU=Servers,dc=corp,dc=example"
            ]
        );
    }

    #[test]
    fn an_object_of_another_domain_is_told_as_such() {
        let directory = Directory {
            chain: Vec::new(),
            objects: BTreeMap::new(),
            token: BTreeSet::new(),
            home: "cn=policies,cn=system,dc=corp,dc=example".to_owned(),
        };
        let told = |gpo: &str| {
            let skipped = Skipped { gpo, container: "CN=HQ", why: WhySkipped::NotFound };
            directory.skipped(&skipped).why
        };
        assert!(told("cn={1},CN=Policies,CN=System,DC=corp,DC=example").contains("not there"));
        // A child's name ends like its parent's.
        assert!(told("cn={1},CN=Policies,CN=System,DC=eu,DC=corp,DC=example").contains("another domain"));
        assert!(told("nonsense").contains("another domain"));
    }
}
