//! What the commands about permissions share: the object they are about, names for SIDs, and entries as people read them.

use core::str::FromStr;

use clap::ValueEnum;
use lapwing_client::ad::{
    AdError, Container, LapsSchema, Part, PermissionsError, PlannedChange, PrincipalError, Principals,
};
use lapwing_core::types::{
    Guid, SecurityDescriptor, Sid,
    security::{AccessMask, Ace, AceFlags, AceKind, Reach},
};
use lapwing_proto::ad::{
    attribute::{COMPUTER_CLASS, ENCRYPTED_PASSWORD_ATTRIBUTES, LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD},
    principal::Principal,
    rights::{self, Circle, RightsError},
    schema::PROPERTY_SET_CN,
};
use serde::Serialize;

use super::{DomainArgs, Session, refused};
use crate::{
    failure::{Code, Failure},
    output,
};

impl From<PermissionsError> for Failure {
    fn from(error: PermissionsError) -> Self {
        let next_step = error.next_step();
        let code = match error {
            PermissionsError::Directory(error) => {
                let next_step =
                    "use an account that may change permissions there, by another ticket or --user";
                return refused(error, next_step);
            }
            PermissionsError::NoContainer(_) => Code::NotFound,
            PermissionsError::Hidden(_) => Code::Refused,
            _ => Code::Failed,
        };
        Self::new(code, error, next_step)
    }
}

impl From<PrincipalError> for Failure {
    fn from(error: PrincipalError) -> Self {
        let next_step = error.next_step();
        match error {
            PrincipalError::Directory(error) => error.into(),
            error @ (PrincipalError::Unknown(_) | PrincipalError::Ambiguous(..)) => {
                Self::new(Code::NotFound, error, next_step)
            }
            error => Self::new(Code::Failed, error, next_step),
        }
    }
}

impl Failure {
    /// What cannot be said of permissions with this schema.
    pub(super) fn of_rights(place: &Place, source: RightsError) -> Self {
        PermissionsError::Rights { name: place.container.distinguished_name.clone(), source }.into()
    }
}

/// A circle by the name of the cmdlet that lets into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub(super) enum CircleName {
    /// Computers store their own passwords
    ComputerSelf,
    /// Reads passwords
    ReadPassword,
    /// Reads and sets expiries
    ResetPassword,
}

impl CircleName {
    pub(super) const ALL: [Self; 3] = [Self::ComputerSelf, Self::ReadPassword, Self::ResetPassword];

    /// As it is written on the command line.
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::ComputerSelf => "computer-self",
            Self::ReadPassword => "read-password",
            Self::ResetPassword => "reset-password",
        }
    }
}

impl From<CircleName> for Circle {
    fn from(name: CircleName) -> Self {
        match name {
            CircleName::ComputerSelf => Self::ComputerSelf,
            CircleName::ReadPassword => Self::ReadPassword,
            CircleName::ResetPassword => Self::ResetPassword,
        }
    }
}

/// An account or group, with what the administrator called it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    text: String,
    principal: Principal,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let principal = text.parse().map_err(|error: lapwing_proto::ad::principal::Unqualified| {
            format!("{error}: {}", error.next_step())
        })?;
        Ok(Self { text: text.to_owned(), principal })
    }
}

/// The object whose permissions a command is about, and what is needed to name them.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) container: Container,
    pub(super) schema: LapsSchema,
    pub(super) principals: Principals,
}

impl Place {
    pub(super) async fn open(session: &mut Session, named: &str) -> Result<Self, Failure> {
        let Session { connection, root, .. } = session;
        Ok(Self {
            container: connection.container(root, named).await?,
            schema: connection.laps_schema(&root.contexts).await?,
            principals: Principals::open(connection, root).await?,
        })
    }

    /// For which objects its permissions are asked: for itself, or for the computers below.
    pub(super) fn reach(&self) -> Reach {
        if self.container.is_computer { Reach::Itself } else { Reach::Descendants(COMPUTER_CLASS) }
    }

    pub(super) async fn resolve(
        &mut self,
        session: &mut Session,
        named: &[Named],
    ) -> Result<Vec<Sid>, Failure> {
        let mut sids = Vec::new();
        for Named { text, principal } in named {
            sids.push(self.principals.resolve(&mut session.connection, principal, text).await?);
        }
        Ok(sids)
    }

    /// As [`Self::resolve`], but a SID is taken as it is: its account may be gone.
    pub(super) async fn resolve_former(
        &mut self,
        session: &mut Session,
        named: &[Named],
    ) -> Result<Vec<Sid>, Failure> {
        let mut sids = Vec::new();
        for one in named {
            match &one.principal {
                Principal::Sid(sid) => sids.push(sid.clone()),
                _ => sids.extend(self.resolve(session, core::slice::from_ref(one)).await?),
            }
        }
        self.principals.learn(&mut session.connection, &sids).await?;
        Ok(sids)
    }

    /// Entries as people read them.
    pub(super) async fn rows<'a>(
        &mut self,
        session: &mut Session,
        entries: impl IntoIterator<Item = &'a Ace>,
    ) -> Result<Vec<EntryRow>, AdError> {
        let entries: Vec<&Ace> = entries.into_iter().collect();
        let trustees = entries.iter().filter_map(|ace| ace.body()).map(|body| &body.trustee);
        self.principals.learn(&mut session.connection, trustees).await?;
        Ok(entries.into_iter().filter_map(|ace| self.row(ace)).collect())
    }

    /// An entry whose trustee's name was asked for before; none if it neither grants, denies nor records.
    pub(super) fn row(&self, ace: &Ace) -> Option<EntryRow> {
        let body = ace.body()?;
        let recorded = [(AceFlags::SUCCESSFUL_ACCESS, "Success"), (AceFlags::FAILED_ACCESS, "Failure")];
        Some(EntryRow {
            kind: match body.kind {
                AceKind::Allow => "Allow",
                AceKind::Deny => "Deny",
                AceKind::Audit => "Audit",
            },
            principal: self.principals.name(&body.trustee),
            sid: body.trustee.to_string(),
            rights: rights(body.mask),
            object: body.object_type.map(|guid| self.object(guid)),
            inherited_object: body.inherited_object_type.map(|guid| self.object(guid)),
            is_inherited: ace.is_inherited(),
            recorded: recorded
                .into_iter()
                .filter(|(flag, _)| body.kind == AceKind::Audit && ace.flags().contains(*flag))
                .map(|(_, name)| name)
                .collect(),
        })
    }

    /// What an entry is about, by the name that the schema has for it.
    fn object(&self, guid: Guid) -> String {
        let attributes =
            self.schema.guids.iter().map(|(attribute, guid)| (Some(*guid), attribute.ldap_name()));
        let others = [
            (Some(ENCRYPTED_PASSWORD_ATTRIBUTES), PROPERTY_SET_CN),
            (Some(COMPUTER_CLASS), "computer"),
            (self.schema.legacy_password, LEGACY_PASSWORD),
            (self.schema.legacy_expiry, LEGACY_EXPIRATION_TIME),
        ];
        let found = attributes.chain(others).find(|(known, _)| *known == Some(guid));
        found.map_or_else(|| guid.to_string(), |(_, name)| name.to_owned())
    }
}

/// The names of rights, as Windows has them. .NET, `ActiveDirectoryRights`.
const RIGHTS: [(u32, &str); 13] = [
    (0x0000_0001, "CreateChild"),
    (0x0000_0002, "DeleteChild"),
    (0x0000_0004, "ListChildren"),
    (0x0000_0008, "Self"),
    (0x0000_0010, "ReadProperty"),
    (0x0000_0020, "WriteProperty"),
    (0x0000_0040, "DeleteTree"),
    (0x0000_0080, "ListObject"),
    (0x0000_0100, "ExtendedRight"),
    (0x0001_0000, "Delete"),
    (0x0002_0000, "ReadControl"),
    (0x0004_0000, "WriteDacl"),
    (0x0008_0000, "WriteOwner"),
];
const GENERIC_ALL: AccessMask = AccessMask(0x000f_01ff);

fn rights(mask: AccessMask) -> Vec<&'static str> {
    let mask = mask.mapped();
    if mask.contains(GENERIC_ALL) {
        return vec!["GenericAll"];
    }
    RIGHTS.into_iter().filter(|(bit, _)| mask.contains(AccessMask(*bit))).map(|(_, name)| name).collect()
}

/// One entry of a list of permissions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntryRow {
    kind: &'static str,
    pub(super) principal: String,
    pub(super) sid: String,
    rights: Vec<&'static str>,
    /// The attribute or property set that it is about; none for everything.
    object: Option<String>,
    /// The class that it is handed down to; none for all.
    inherited_object: Option<String>,
    is_inherited: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recorded: Vec<&'static str>,
}

impl EntryRow {
    pub(super) fn rights(&self) -> String {
        self.rights.join(", ")
    }

    /// Of the rights those that matter to passwords: a wide entry has many others.
    pub(super) fn property_rights(&self) -> String {
        const MATTER: [&str; 4] = ["ReadProperty", "WriteProperty", "ExtendedRight", "GenericAll"];
        let rights = self.rights.iter().copied().filter(|right| MATTER.contains(right));
        rights.collect::<Vec<_>>().join(", ")
    }

    pub(super) const fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    pub(super) fn object(&self) -> &str {
        self.object.as_deref().unwrap_or("everything")
    }

    fn render(&self) -> String {
        let recorded = self.recorded.join(" and ");
        let separator = if recorded.is_empty() { "" } else { " of " };
        let (kind, principal, rights, object) = (self.kind, &self.principal, self.rights(), self.object());
        format!("{kind} {recorded}{separator}{principal}: {rights} on {object}")
    }
}

/// What became of the permissions of one object, with the members of the cmdlets first.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    name: String,
    distinguished_name: String,
    is_changed: bool,
    added: Vec<EntryRow>,
    removed: Vec<EntryRow>,
}

/// A change of the permissions of a [`Place`], on its way.
pub(super) struct Changing {
    change: PlannedChange,
    outcome: Outcome,
}

impl Changing {
    pub(super) async fn plan(
        session: &mut Session,
        place: &mut Place,
        part: Part,
        edit: impl FnOnce(&mut SecurityDescriptor, &LapsSchema) -> Result<(), RightsError>,
    ) -> Result<Self, Failure> {
        let (name, schema) = (&place.container.distinguished_name, &place.schema);
        let edit = |descriptor: &mut SecurityDescriptor| edit(descriptor, schema);
        let change = PlannedChange::of(&mut session.connection, name, part, edit).await?;
        let outcome = Outcome {
            name: place.container.name.clone(),
            distinguished_name: name.to_string(),
            is_changed: false,
            added: place.rows(session, change.added()).await?,
            removed: place.rows(session, change.removed()).await?,
        };
        Ok(Self { change, outcome })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.change.is_empty()
    }

    /// Tells people which entries come and go.
    pub(super) fn show(&self, is_done: bool) {
        let signs = if is_done { ["added", "removed"] } else { ["to add", "to remove"] };
        let Outcome { added, removed, .. } = &self.outcome;
        if self.is_empty() {
            output::complain("Nothing to change: the permissions are so already");
        }
        for (sign, rows) in signs.into_iter().zip([added, removed]) {
            for row in rows {
                output::complain(&format!("{sign:<10} {}", output::shown(&row.render())));
            }
        }
    }

    pub(super) async fn make(&mut self, session: &mut Session) -> Result<(), Failure> {
        self.change.make(&mut session.connection).await?;
        self.outcome.is_changed = !self.change.is_empty();
        Ok(())
    }

    pub(super) fn print(&self, is_json: bool) -> Result<(), Failure> {
        if is_json {
            return output::print_json(&self.outcome);
        }
        let mut table = output::Table::new(&["Name", "DistinguishedName"]);
        table.row([self.outcome.name.as_str(), &self.outcome.distinguished_name]);
        table.print()
    }
}

/// How the commands that grant are called.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// The organisational unit, by its name or distinguished name; the whole domain by DC=…
    #[arg(value_name = "OU")]
    pub(super) unit: String,

    /// Only tell what would be changed
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl GrantArgs {
    /// Changes what is granted, or recorded, and tells it.
    pub(super) async fn change(
        &self,
        session: &mut Session,
        place: &mut Place,
        part: Part,
        edit: impl FnOnce(&mut SecurityDescriptor, &LapsSchema) -> Result<(), RightsError>,
    ) -> Result<(), Failure> {
        let mut changing = Changing::plan(session, place, part, edit).await?;
        if !self.dry_run {
            changing.make(session).await?;
        }
        changing.show(!self.dry_run);
        changing.print(self.json)
    }
}

/// How the commands that let people into a circle are called.
#[derive(Debug, clap::Args)]
pub(super) struct LetIn {
    #[command(flatten)]
    grant: GrantArgs,

    /// Accounts or groups: DOMAIN\name, name@domain, a SID or a distinguished name
    #[arg(long, required = true, num_args = 1.., value_name = "PRINCIPAL")]
    to: Vec<Named>,

    #[command(flatten)]
    domain: DomainArgs,
}

impl LetIn {
    /// Lets them in.
    pub(super) fn to_circle(&self, circle: Circle) -> Result<(), Failure> {
        self.domain.ask(async |session| {
            let mut place = Place::open(session, &self.grant.unit).await?;
            let sids = place.resolve(session, &self.to).await?;
            let edit = |descriptor: &mut SecurityDescriptor, schema: &LapsSchema| {
                sids.iter()
                    .try_for_each(|sid| rights::grant(descriptor, circle, sid, &schema.guids).map(drop))
            };
            self.grant.change(session, &mut place, Part::Access, edit).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_have_the_names_of_windows() {
        assert_eq!(rights(AccessMask(0x130)), ["ReadProperty", "WriteProperty", "ExtendedRight"]);
        assert_eq!(rights(AccessMask(0x000f_01ff)), ["GenericAll"]);
        // As an entry that is only for children keeps it.
        assert_eq!(rights(AccessMask(0x1000_0000)), ["GenericAll"]);
        assert_eq!(rights(AccessMask(0x0200)), [""; 0]);
    }

    #[test]
    fn a_name_without_a_domain_says_how_to_write_it() {
        let error = "helpdesk".parse::<Named>().unwrap_err();
        assert!(error.contains("DOMAIN\\name"), "{error}");
    }
}
