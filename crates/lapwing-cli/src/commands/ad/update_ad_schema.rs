//! `lapwing update-ad-schema`: Update-LapsADSchema of the PowerShell module LAPS. [MS-ADA2] 2.64 to 2.69; "Schema
//! extensions reference for Windows LAPS".
//!
//! INVARIANT: nothing that the schema has is changed but the list of what a computer may have, which only grows.

use lapwing_client::ad::{AdError, Change, SecurityParts};
use lapwing_core::secret::SecretBytes;
use lapwing_proto::ad::{
    name::{DistinguishedName, DistinguishedNameError},
    refusal::AdRefusal,
    schema::{self, NamingContexts, SchemaChange, SchemaFault, SchemaPlan},
};
use serde::Serialize;

use super::{Caution, DomainArgs, Session, refused};
use crate::{
    failure::{Code, Failure},
    output,
};

/// Adds to the forest's schema what LAPS needs: seven attributes of computers and a property set
///
/// Once per forest, as a member of Schema Admins. A schema cannot be undone, so what is missing is shown first. What is
/// there already stays as it is; where that is not what LAPS needs, this says so and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing update-ad-schema --dry-run
  lapwing update-ad-schema
  lapwing update-ad-schema --user administrator@EXAMPLE.COM --yes")]
pub(crate) struct Args {
    #[command(flatten)]
    caution: Caution,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    domain: DomainArgs,
}

/// What was found and done.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    schema_master: String,
    changes: Vec<ChangeRow>,
    faults: Vec<FaultRow>,
    is_changed: bool,
}

/// One object of the schema that is added or added to.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeRow {
    change: &'static str,
    distinguished_name: String,
    /// The attributes that a computer may have then; empty for an object that is new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<&'static str>,
}

/// Something that is there, and not as it must be.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FaultRow {
    attribute: &'static str,
    fault: &'static str,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.domain.ask(async |session| update(session, args).await)
}

async fn update(session: &mut Session, args: &Args) -> Result<(), Failure> {
    go_to_schema_master(session).await?;
    let contexts = session.root.contexts.clone();
    let plan = probe(session, &contexts).await?;
    let mut outcome = Outcome {
        schema_master: session.root.controller.clone(),
        changes: plan.changes.iter().filter_map(|change| row(change, &contexts)).collect(),
        faults: plan.faults.iter().map(fault_row).collect(),
        is_changed: false,
    };
    for fault in &outcome.faults {
        output::complain(&format!("{} {}", fault.attribute, fault.fault));
    }
    if let Some(failure) = forbidding(&plan.faults) {
        if args.json {
            output::print_json(&outcome)?;
        }
        return Err(failure);
    }
    if plan.changes.is_empty() || args.caution.dry_run {
        return print(&outcome, args);
    }
    if !args.caution.yes {
        output::complain(&render(&outcome));
    }
    let question =
        format!("Add this to the schema of the whole forest, on {}, for ever?", outcome.schema_master);
    if args.caution.is_agreed(&question)? {
        apply(session, &plan, &contexts).await?;
        outcome.is_changed = true;
        print(&outcome, args)?;
    }
    Ok(())
}

/// Only one controller of a forest takes changes of the schema. [MS-ADTS] 3.1.1.1.11.
async fn go_to_schema_master(session: &mut Session) -> Result<(), Failure> {
    let schema = session.root.contexts.schema.to_string();
    let unknown = || {
        let next_step =
            "see that the forest has a schema master that lives: `netdom query fsmo`, `samba-tool fsmo show`";
        Failure::new(
            Code::Failed,
            "the directory does not tell which controller is the schema master",
            next_step,
        )
    };
    let entry = session.connection.read(&schema, &["fSMORoleOwner"]).await?;
    // The settings of a controller's directory service are an object below the controller's. [MS-ADTS] 6.1.1.2.2.1.2.1.1.
    let owner = entry.as_ref().and_then(|entry| entry.text("fSMORoleOwner")).ok_or_else(unknown)?;
    let owner: DistinguishedName = owner.parse().map_err(|_: DistinguishedNameError| unknown())?;
    let server = owner.parent().ok_or_else(unknown)?;
    let entry = session.connection.read(server.as_str(), &["dNSHostName", "serverReference"]).await?;
    let text = |attribute| entry.as_ref().and_then(|entry| entry.text(attribute));
    let name = text("dNSHostName").ok_or_else(unknown)?;
    // Its account is in its domain, whose name the controller's own need not end with.
    let account = text("serverReference").and_then(|account| account.parse::<DistinguishedName>().ok());
    let domain = account.and_then(|account| account.dns_domain()).ok_or_else(unknown)?;
    session.go_to(name, &domain).await
}

async fn probe(session: &mut Session, contexts: &NamingContexts) -> Result<SchemaPlan, Failure> {
    Ok(schema::plan(&session.connection.laps_schema(contexts).await?.found))
}

/// Makes the changes in their order, and looks whether they have come to stand.
async fn apply(session: &mut Session, plan: &SchemaPlan, contexts: &NamingContexts) -> Result<(), Failure> {
    for (done, change) in plan.changes.iter().enumerate() {
        if let Err(error) = make(session, change, contexts).await {
            if plan.changes.iter().take(done).any(|change| *change != SchemaChange::Reload) {
                output::complain("A part is done; the next run finds it and adds the rest");
            }
            return Err(of_schema(change, error));
        }
    }
    let left = probe(session, contexts).await?;
    if left.changes.is_empty() {
        output::complain("The other controllers of the forest learn of it as they replicate");
        return Ok(());
    }
    let what = format!("{} took all changes, and does not show them", session.root.controller);
    Err(Failure::new(
        Code::Failed,
        what,
        "run the command again; see the directory's log if that does not help",
    ))
}

async fn make(
    session: &mut Session,
    change: &SchemaChange,
    contexts: &NamingContexts,
) -> Result<(), AdError> {
    let edit = change.edit(contexts);
    let name = edit.name.as_ref().map_or("", DistinguishedName::as_str);
    if edit.is_new {
        let values = edit.values.into_iter().map(|(attribute, value)| (attribute, vec![value]));
        return session.connection.add(name, values.collect()).await;
    }
    let values = edit.values.into_iter();
    let changes = values.map(|(attribute, value)| Change::Add(attribute, SecretBytes::new(value))).collect();
    session.connection.modify(name, changes, SecurityParts::None).await
}

fn of_schema(change: &SchemaChange, error: AdError) -> Failure {
    const NOT_ALLOWED: &str = "use a member of Schema Admins, by another ticket or --user";
    match (error.refusal(), change) {
        // operationsError is what Samba says to who may not have the schema read again.
        (Some(AdRefusal::Other(1)), SchemaChange::Reload) => Failure::new(Code::Refused, error, NOT_ALLOWED),
        (Some(AdRefusal::Unwilling), _) => Failure::new(
            Code::Refused,
            error,
            "allow changes of the schema there; in Samba that is `dsdb:schema update allowed = true` in smb.conf of the schema master",
        ),
        _ => refused(error, NOT_ALLOWED),
    }
}

/// What keeps LAPS from this schema: with it, the attributes would not work, or would show passwords.
/// DEVIATION(10): Windows' cmdlet adds what is missing beside them.
fn forbidding(faults: &[SchemaFault]) -> Option<Failure> {
    let is_forbidding = |fault: &&SchemaFault| match fault {
        SchemaFault::NotOurs(_) | SchemaFault::Readable(_) => true,
        SchemaFault::Differs(_) => false,
    };
    faults.iter().find(is_forbidding)?;
    let next_step = "find out who made the attribute; nothing was changed, for a schema cannot be undone";
    Some(Failure::new(
        Code::Failed,
        "the schema has attributes of LAPS that are not as they must be",
        next_step,
    ))
}

fn row(change: &SchemaChange, contexts: &NamingContexts) -> Option<ChangeRow> {
    let (change_name, attributes) = match change {
        SchemaChange::Reload => return None,
        SchemaChange::AddAttribute(_) => ("AddAttribute", Vec::new()),
        SchemaChange::AddPropertySet => ("AddPropertySet", Vec::new()),
        SchemaChange::AddToComputer(attributes) => {
            ("AddToClass", attributes.iter().map(|attribute| attribute.ldap_name()).collect())
        }
    };
    let name = change.edit(contexts).name?;
    Some(ChangeRow { change: change_name, distinguished_name: name.to_string(), attributes })
}

const fn fault_row(fault: &SchemaFault) -> FaultRow {
    let (attribute, fault) = match fault {
        SchemaFault::NotOurs(attribute) => (
            attribute,
            "is not the attribute of Windows LAPS: its OID, syntax or number of values is another",
        ),
        SchemaFault::Readable(attribute) => {
            (attribute, "is not confidential: everyone who reads properties reads the passwords in it")
        }
        SchemaFault::Differs(attribute) => {
            (attribute, "has another property set, range or other flags than that of Windows LAPS")
        }
    };
    FaultRow { attribute: attribute.ldap_name(), fault }
}

fn print(outcome: &Outcome, args: &Args) -> Result<(), Failure> {
    if args.json { output::print_json(outcome) } else { output::print(&render(outcome)) }
}

fn render(outcome: &Outcome) -> String {
    let mut lines = vec![format!("Schema master  {}", output::shown(&outcome.schema_master))];
    let none = outcome.changes.is_empty();
    lines.extend(none.then(|| "Nothing to add: the schema has all that LAPS needs".to_owned()));
    let sign = if outcome.is_changed { "added" } else { "to add" };
    for ChangeRow { distinguished_name, attributes, .. } in &outcome.changes {
        let name = output::shown(distinguished_name);
        if attributes.is_empty() {
            lines.push(format!("{sign:<15}{name}"));
        } else {
            lines.push(format!("{sign:<15}to {name}: {}", attributes.join(" ")));
        }
    }
    lines.join("\n")
}
