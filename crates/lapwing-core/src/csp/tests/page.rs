//! `docs/csp.md`: the nodes, and the status of every operation on each, as the tree itself gives it.

use super::*;

/// One misuse, or none, of a verb.
struct Case {
    verb: Verb,
    what: &'static str,
    /// Whether the leaf is there.
    there: bool,
    /// What follows the node's name in the URI.
    query: &'static str,
    sent: Sent,
}

/// What goes along.
#[derive(Clone, Copy, PartialEq)]
enum Sent {
    Nothing,
    Good,
    WithoutFormat,
    WrongFormat,
    Malformed,
    OutOfRange,
    TooLong,
    Empty,
}

const fn case(verb: Verb, what: &'static str, there: bool, sent: Sent) -> Case {
    Case { verb, what, there, query: "", sent }
}

const CASES: &[Case] = &[
    case(Verb::Get, "leaf there", true, Sent::Nothing),
    case(Verb::Get, "leaf not there", false, Sent::Nothing),
    Case {
        verb: Verb::Get,
        what: "structure or property asked for (`?list=…`, `?prop=…`)",
        there: true,
        query: "?list=Struct",
        sent: Sent::Nothing,
    },
    case(Verb::Add, "leaf not there", false, Sent::Good),
    case(Verb::Add, "leaf there", true, Sent::Good),
    case(Verb::Add, "no Format", false, Sent::WithoutFormat),
    case(Verb::Add, "another Format than the node's", false, Sent::WrongFormat),
    case(Verb::Add, "value not of the Format", false, Sent::Malformed),
    case(Verb::Add, "value out of range", false, Sent::OutOfRange),
    case(Verb::Add, "value too long", false, Sent::TooLong),
    case(Verb::Add, "no value", false, Sent::Nothing),
    case(Verb::Replace, "leaf there", true, Sent::Good),
    case(Verb::Replace, "leaf not there", false, Sent::Good),
    case(Verb::Replace, "no Format", true, Sent::WithoutFormat),
    case(Verb::Replace, "another Format than the node's", true, Sent::WrongFormat),
    case(Verb::Replace, "value not of the Format", true, Sent::Malformed),
    case(Verb::Replace, "value out of range", true, Sent::OutOfRange),
    case(Verb::Replace, "value too long", true, Sent::TooLong),
    case(Verb::Replace, "no value", true, Sent::Nothing),
    case(Verb::Delete, "leaf there", true, Sent::Nothing),
    case(Verb::Delete, "leaf not there", false, Sent::Nothing),
    case(Verb::Delete, "with a value, which means nothing", true, Sent::WrongFormat),
    case(Verb::Exec, "plain", true, Sent::Nothing),
    case(Verb::Exec, "with an empty value, its Format meaning nothing", true, Sent::Empty),
    case(Verb::Exec, "with a value", true, Sent::WrongFormat),
];

/// The columns: their heads, and what is in each.
fn columns() -> Vec<(&'static str, Vec<String>)> {
    let of = |belongs: fn(Node) -> bool| Node::all().filter(|node| belongs(*node)).map(Node::uri).collect();
    vec![
        ("interior", of(|node| node.access() == Access::Interior)),
        ("`int` leaf", of(|node| node.access() == Access::Setting && node.format() == Format::Int)),
        ("`bool` leaf", of(|node| node.access() == Access::Setting && node.format() == Format::Bool)),
        ("`chr` leaf", of(|node| node.access() == Access::Setting && node.format() == Format::Chr)),
        ("`ResetPassword`", of(|node| node == Node::ResetPassword)),
        ("`ResetPasswordStatus`", of(|node| node == Node::ResetPasswordStatus)),
        (
            "no such node",
            [
                "/Policies/ADBackupDSRMPassword",
                "/Policies/Colour",
                "/Colour",
                "/Policies/PasswordLength/Colour",
            ]
            .map(|path| format!("{ROOT}{path}"))
            .to_vec(),
        ),
    ]
}

/// A value that the node takes.
fn good(format: &Format) -> &'static str {
    match format {
        Format::Int => "12",
        Format::Bool => "true",
        _ => "text",
    }
}

/// What `sent` means for a node of this format; none if it means nothing there.
fn sent(sent: Sent, format: &Format) -> Option<(Option<Format>, Option<String>)> {
    let own = Some(format.clone());
    let text = |text: &str| Some(text.to_owned());
    Some(match (sent, format) {
        (Sent::Nothing, _) => (None, None),
        (Sent::Empty, _) => (Some(Format::Chr), text("")),
        (Sent::Good, _) => (own, text(good(format))),
        (Sent::WithoutFormat, _) => (None, text(good(format))),
        (Sent::WrongFormat, Format::Chr) => (Some(Format::Int), text("12")),
        (Sent::WrongFormat, _) => (Some(Format::Chr), text(good(format))),
        (Sent::Malformed, Format::Chr) => return None,
        (Sent::Malformed, _) => (own, text("many")),
        (Sent::OutOfRange, Format::Bool | Format::Chr) => return None,
        (Sent::OutOfRange, _) => (own, text("2147483647")),
        (Sent::TooLong, _) => (own, Some(" ".repeat(VALUE_LEN_MAX) + good(format))),
    })
}

/// The status of one case on one node, as the table shows it.
fn outcome(case: &Case, uri: &str) -> String {
    let node = Node::find(uri);
    let format = node.map_or(Format::Chr, Node::format);
    let mut tree = Tree::default();
    if let (true, Some(Node::Policy(setting))) = (case.there, node) {
        tree = Tree::holding([(setting, good(&format).to_owned())]).unwrap();
    }
    // What means nothing to a leaf's format is still refused by a node that does not take the verb.
    let Some((format, data)) = sent(case.sent, &format) else {
        return if node.is_some_and(|node| node.access() == Access::Setting) { "–" } else { "404" }
            .to_owned();
    };
    let operation = operation(case.verb, &format!("{uri}{}", case.query), format, data.as_deref());
    match tree.perform(&operation, PENDING) {
        Performed::Done(reply) => reply.status.to_string(),
        Performed::Reset { .. } => "202 ¹".to_owned(),
    }
}

/// How the members of an Atomic fare in which each is `member`, between two that would succeed.
fn atomic(member: Member) -> String {
    let good = || Member::Operation(replace(Setting::PasswordLength, "12"));
    let reply = Tree::default().perform_atomic(&[good(), member, good()], PENDING);
    let members: Vec<String> = reply.members.iter().map(Status::to_string).collect();
    format!("{} | {}", reply.status, members.join(", "))
}

fn nodes() -> String {
    let mut table = "| node | format | operations | default | supported | means something with |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for node in Node::all() {
        let path = node.uri().replace("./Device/Vendor/MSFT/", "");
        let verbs: Vec<&str> =
            Verb::ALL.iter().filter(|verb| node.access().allows(**verb)).map(|verb| verb.name()).collect();
        let (default, supported, with) = match node {
            Node::Policy(setting) => {
                let (default, supported) = match setting.kind() {
                    Kind::Integer { default, allowed } => {
                        (default.map_or("–".to_owned(), |number| number.to_string()), allowed.to_string())
                    }
                    Kind::Boolean { default } => (default.to_string(), "true, false".to_owned()),
                    Kind::Text { default } => (default.to_owned(), "text".to_owned()),
                };
                (default, supported, depends_on(setting).unwrap_or("–"))
            }
            Node::ResetPasswordStatus => ("0".to_owned(), "any HRESULT".to_owned(), "–"),
            Node::Laps | Node::Policies | Node::Actions | Node::ResetPassword => {
                ("–".to_owned(), "–".to_owned(), "–")
            }
        };
        let format = node.format();
        let (format, verbs) = (format.name(), verbs.join(", "));
        table += &format!("| `{path}` | {format} | {verbs} | {default} | {supported} | {with} |\n");
    }
    table
}

fn statuses() -> String {
    let columns = columns();
    let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let mut table =
        format!("| verb | misuse | {} |\n|---|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for case in CASES {
        let cells: Vec<String> = columns
            .iter()
            .map(|(head, uris)| {
                let outcomes: Vec<String> = uris.iter().map(|uri| outcome(case, uri)).collect();
                assert!(
                    outcomes.windows(2).all(|two| two[0] == two[1]),
                    "{head}: {} {} differs: {outcomes:?}",
                    case.verb,
                    case.what
                );
                outcomes[0].clone()
            })
            .collect();
        table += &format!("| {} | {} | {} |\n", case.verb, case.what, cells.join(" | "));
    }
    table
}

fn atomics() -> String {
    let mut table = "| member between two good ones | Atomic | members |\n|---|---|---|\n".to_owned();
    let get = operation(Verb::Get, ROOT, None, None);
    let exec = operation(Verb::Exec, &Node::ResetPassword.uri(), None, None);
    for (what, member) in [
        ("a good one", Member::Operation(replace(Setting::BackupDirectory, "1"))),
        ("a value not of the Format", Member::Operation(replace(Setting::BackupDirectory, "many"))),
        ("Get", Member::Operation(get)),
        ("Exec", Member::Operation(exec)),
        ("Atomic", Member::Atomic),
    ] {
        table += &format!("| {what} | {} |\n", atomic(member));
    }
    table
}

fn page() -> String {
    format!(
        "# The LAPS CSP

Printed by the tests of `lapwing-core` (`csp/tests/page.rs`) from what the tree answers: do not edit. To print it anew:
`UPDATE_DOCS=1 cargo test -p lapwing-core --lib csp`.

A management server sees the device's policy and its one action below `{ROOT}`, or `{LOCAL_ROOT}`, which is
the same. Nodes are those of Windows; names count case aside. What arrives here is the policy root of highest precedence
and is kept as it was sent, until it is deleted or the host leaves its directory.

## Nodes

A default is what holds while the leaf is not there. Such a leaf has no value: a Get of it says 404.

A number out of range and a leaf that means nothing beside the others are accepted and kept. No status tells of them,
and none of the dependencies below is enforced: `lapwing get-policy` shows what became of each value. A number is a
decimal of 32 bits with its sign, a truth is `true`, `false`, `1` or `0` case aside, and a value has at most {VALUE_LEN_MAX} bytes.

{}
## Statuses

What is wrong with an operation is looked for in this order: the node, the verb, the value, the leaf's being there. What is
refused changes nothing. `–`: there is no such misuse.

{}
¹ Once the device has taken the reset on durably. If it cannot: 420 with too many of them, 500 otherwise. How it went on is
told by `ResetPasswordStatus`.

A change that the device cannot keep on its disk is answered with 510, and is not in effect. 425 never comes: the tree has no
access rights of its own, and who reaches it is decided by the session.

## Atomic

All of its members take effect, or none: 216 is for those taken back, 215 for those not tried.

{}
",
        nodes(),
        statuses(),
        atomics().trim_end()
    )
}

#[test]
fn the_documented_statuses_are_those_of_the_tree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/csp.md");
    let printed = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &printed).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        documented == printed,
        "docs/csp.md is not what the tree answers: run `UPDATE_DOCS=1 cargo test -p lapwing-core --lib csp`"
    );
}
