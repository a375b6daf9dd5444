//! Reads this host's Group Policy once for each line of standard input, keeping what it knows from one to the next, and
//! prints what holds for LAPS. For trying things by hand, and for the end-to-end tests.
//!
//! Arguments: the controller's name, its address, the domain, the machine's account, its keytab, a folder for tickets, and
//! the site if there is one.
#![expect(clippy::unwrap_used, reason = "a tool for developers")]

use core::{error::Error, time::Duration};
use std::{
    env,
    io::{self, BufRead as _},
};

use lapwing_client::ad::{
    AdError, Connection, Controller, Credentials, Limits, Protection,
    policy::{GroupPolicy, GroupPolicyError, Member, Tickets, read_group_policy},
};

use lapwing_proto::ad::dns::SiteName;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, address, domain, account, keytab, folder, site @ ..] = &arguments[..] else {
        panic!("CONTROLLER ADDRESS DOMAIN ACCOUNT KEYTAB FOLDER [SITE]")
    };
    let controller =
        Controller { name: name.clone(), address: address.parse().unwrap(), domain: domain.clone() };
    let tickets = Tickets {
        keytab: keytab.into(),
        principal: format!("{account}@{}", domain.to_uppercase()),
        folder: folder.into(),
        limit: Duration::from_secs(10),
    };
    let site = site.first().map(|site| SiteName::parse(site).unwrap());
    let member = Member { controller: &controller, account, site: site.as_ref(), tickets: &tickets };
    let mut known = None;
    for line in io::stdin().lock().lines() {
        println!("# {}", line.unwrap());
        match read(&member, known.as_ref()).await {
            Ok(policy) => {
                show(&policy);
                known = Some(policy);
            }
            Err(error) => {
                let mut told = error.to_string();
                let mut source = error.source();
                while let Some(error) = source {
                    told = format!("{told}: {error}");
                    source = error.source();
                }
                println!("failed {told}");
                println!("next {}", error.next_step());
            }
        }
    }
}

async fn read(member: &Member<'_>, known: Option<&GroupPolicy>) -> Result<GroupPolicy, GroupPolicyError> {
    let mut connection = connect(member).await?;
    read_group_policy(&mut connection, member, known, Duration::from_secs(5)).await
}

async fn connect(member: &Member<'_>) -> Result<Connection, AdError> {
    let credentials = Credentials::Keytab {
        keytab: member.tickets.keytab.clone(),
        principal: member.tickets.principal.clone(),
        cache: "group-policy".to_owned(),
    };
    Connection::open(member.controller, &credentials, Protection::Sealed, &Limits::default()).await
}

fn show(policy: &GroupPolicy) {
    for object in &policy.objects {
        let enforced = if object.is_enforced { " enforced" } else { "" };
        println!("applied {} version {} by {}{enforced}", object.title(), object.version, object.container);
    }
    for skipped in &policy.skipped {
        println!("skipped {:?} by {}: {}", skipped.object, skipped.container, skipped.why);
    }
    for source in policy.sources() {
        for entry in source.entries {
            println!("value {} {} = {} of {}", source.root, entry.name, entry.value, entry.origin);
        }
    }
}
