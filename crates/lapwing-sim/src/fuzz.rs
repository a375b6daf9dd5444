//! What a fuzzer runs: each body takes any bytes and panics if something holds no longer. `cargo xtask fuzz`.
//!
//! What a fuzzer has found lies in `fuzz/found/` by the body's name; a test here runs every body over that and over the
//! examples that its decoder's tests have.

use lapwing_core::{
    log_on::{REPORT_LEN_MAX, Report},
    types::{
        Guid, SecurityDescriptor, Sid,
        security::{DESCRIPTOR_LEN_MAX, Dacl, Reach},
    },
};
use lapwing_dpapi::{
    Blob, GroupKeyEnvelope, RootKey,
    gkdi::{GroupKey, KdfParameters, KeyIdentifier, SecretAgreement},
    key_file,
    laps::EncryptedPassword,
    rpc::{
        Answer, Lookup, Mapper, Transfer,
        epm::{Places, Question},
        isdkey::Request,
        pdu::{Bind, BindAck, Fragment},
        trailer::{self, About},
    },
    unprotect_offline,
};
use lapwing_proto::{
    ad::{
        attribute::{COMPUTER_CLASS, LapsAttribute},
        dns::DnsName,
        keytab::Machine,
        netlogon,
        pac::LogonInfo,
        rights::{self, Circle, SchemaGuids},
    },
    gpo::{RegistryPolicy, registry_pol},
    graph::{ConfigurationPolicy, read_settings, write_settings},
    json, mde2,
    register::{LapwingUpload, Upload, UploadPassword},
    syncml::{self, Command, Group},
};

/// A message of device management: what is read of it is written, and then read as the same.
pub fn syncml(bytes: &[u8]) {
    if let Ok(mut message) = syncml::decode(bytes) {
        message.commands = writable(message.commands);
        assert_eq!(syncml::decode(&syncml::encode(&message)), Ok(message));
    }
}

/// Without what is never written.
fn writable(commands: Vec<Command>) -> Vec<Command> {
    let of_group = |command| match command {
        Command::Group(group) => Command::Group(Group { commands: writable(group.commands), ..group }),
        other => other,
    };
    commands.into_iter().filter(|command| !matches!(command, Command::Refused(_))).map(of_group).collect()
}

/// A request of a Windows device that enrols.
pub fn enrolment(bytes: &[u8]) {
    drop(mde2::decode(bytes));
}

/// A LAPS policy in the form that Intune imports: what is read of it is written, and then read as the same.
pub fn settings_catalog(bytes: &[u8]) {
    let Ok(policy) = json::parse::<ConfigurationPolicy>(bytes) else { return };
    let Ok(tree) = read_settings(&policy.settings.unwrap_or_default()) else { return };
    let written = write_settings(&tree).map(|settings| read_settings(&settings));
    // What the catalogue has no place for cannot be written, and was not read of it either.
    assert_eq!(written, Ok(Ok(tree)));
}

/// A password as a device sends it: what is read of it in the sealed form is written, and then read as the same.
pub fn upload(bytes: &[u8]) {
    if let Ok(Upload { account, password: UploadPassword::Sealed(members) }) = Upload::parse(bytes) {
        let written = LapwingUpload { account: &account, members: &members }.to_json();
        match Upload::parse(&written).map(|upload| upload.password) {
            Ok(UploadPassword::Sealed(read)) => assert_eq!(read, members),
            other => panic!("what was written is read as {other:?}"),
        }
    }
}

/// The registry values of a Group Policy object: what is read of them is written as the same bytes.
pub fn registry_pol(bytes: &[u8]) {
    if let Ok(records) = registry_pol::read(bytes) {
        assert_eq!(registry_pol::write(&records), bytes);
        let mut policy = RegistryPolicy::default();
        policy.apply("fuzz", &records);
        drop(policy.into_sources());
    }
}

/// The permissions of a directory object: what is read of them is written as the same bytes, and rights that are granted
/// in them are found again and can be revoked.
pub fn security_descriptor(bytes: &[u8]) {
    let Ok(read) = SecurityDescriptor::parse(bytes) else { return };
    assert_eq!(read.to_bytes(), bytes);
    let schema: SchemaGuids =
        LapsAttribute::ALL.into_iter().zip((1..).map(|byte| Guid::from_bytes([byte; 16]))).collect();
    if let Dacl::Present(acl) = read.dacl() {
        let passwords = rights::passwords(&schema, Some(Guid::from_bytes([0x77; 16])));
        for reach in [Reach::Itself, Reach::Descendants(COMPUTER_CLASS)] {
            drop(rights::readers(acl, &passwords, reach));
            for circle in Circle::ALL {
                assert!(rights::members(acl, circle, &schema, None, reach).is_ok());
            }
        }
    }
    for circle in Circle::ALL {
        let (mut edited, trustee) = (read.clone(), Sid::principal_self());
        let holds = |descriptor: &SecurityDescriptor, circle| {
            rights::granted(descriptor, circle, &schema).is_ok_and(|trustees| trustees.contains(&trustee))
        };
        if rights::grant(&mut edited, circle, &trustee, &schema).is_err() {
            assert_eq!(edited, read, "a grant that fails changes nothing");
            continue;
        }
        assert!(holds(&edited, circle));
        let written = edited.to_bytes();
        if written.len() <= DESCRIPTOR_LEN_MAX {
            assert_eq!(SecurityDescriptor::parse(&written).as_ref(), Ok(&edited));
        }
        assert_eq!(rights::grant(&mut edited, circle, &trustee, &schema), Ok(false), "granted twice");
        // Another circle that is held keeps what it needs, unless it lies within this one.
        let is_within =
            |other| other == circle || (circle, other) == (Circle::ComputerSelf, Circle::ResetPassword);
        if Circle::ALL.into_iter().all(|other| is_within(other) || !holds(&edited, other)) {
            assert_eq!(rights::revoke(&mut edited, circle, &trustee, &schema), Ok(true));
            assert!(!holds(&edited, circle));
        }
    }
}

/// What the PAM module tells: what is read is what was written, and cannot steer a terminal.
pub fn log_on_report(bytes: &[u8]) {
    if let Ok(report) = Report::parse(bytes) {
        assert!(bytes.len() <= REPORT_LEN_MAX && report.to_bytes() == bytes);
        for text in [&report.service, &report.terminal, &report.remote_host] {
            assert!(!text.contains(char::is_control));
        }
    }
}

/// A keytab: an account that is read of it is one that Kerberos can be told.
pub fn keytab(bytes: &[u8]) {
    if let Ok(machine) = Machine::read(bytes) {
        assert!(!machine.principal().contains(char::is_whitespace) && !machine.ciphers.is_empty());
    }
}

/// A controller's answer to a ping: names that are read of it hold nothing that a name in DNS could not.
pub fn netlogon(bytes: &[u8]) {
    if let Ok(answer) = netlogon::Answer::parse(1, bytes) {
        for name in [&answer.forest, &answer.domain, &answer.controller] {
            assert_eq!(DnsName::parse(name.as_str()).as_ref(), Ok(name));
        }
    }
}

/// Protected data: what is read of it is written as the same bytes, and does not open with some other key.
pub fn protected_blob(bytes: &[u8]) {
    let Ok(blob) = Blob::parse(bytes) else { return };
    assert_eq!(blob.to_bytes(), bytes);
    let id = blob.key_identifier.root_key_id;
    let other = RootKey::new(id, KdfParameters::ABSENT, SecretAgreement::P256, &[7; 64]);
    assert!(other.is_some_and(|other| unprotect_offline(&blob, &other).is_err()));
}

/// The identifier of a group key: what is read of it is written as the same bytes.
pub fn key_identifier(bytes: &[u8]) {
    if let Ok(identifier) = KeyIdentifier::parse(bytes) {
        assert_eq!(identifier.to_bytes(), bytes);
    }
}

/// A controller's answer: what is read of it is written as the same bytes, and seed keys have the one of their interval.
pub fn group_key_envelope(bytes: &[u8]) {
    if let Ok(envelope) = GroupKeyEnvelope::parse(bytes) {
        assert_eq!(envelope.to_bytes().expose_secret(), bytes);
        let has_seed = !matches!(envelope.key(), GroupKey::Public(_));
        assert_eq!(envelope.seed(envelope.interval()).is_some(), has_seed);
    }
}

/// A root key in a file: what is read of it is written, and then read as the same.
pub fn key_file(bytes: &[u8]) {
    if let Ok(root_key) = key_file::read(bytes) {
        let written = key_file::write(&root_key);
        let again = key_file::read(written.expose_secret()).map(|again| key_file::write(&again));
        assert!(again.is_ok_and(|again| again.expose_secret() == written.expose_secret()));
    }
}

/// An encrypted password as Windows LAPS stores it: what is read of it is written, and then read as the same.
pub fn encrypted_password(bytes: &[u8]) {
    if let Ok(password) = EncryptedPassword::parse(bytes) {
        assert_eq!(EncryptedPassword::parse(&password.to_bytes()), Ok(password));
    }
}

/// A packet of DCE/RPC: what is read of a bind and of its answer is written, and then read as the same; neither side of the
/// endpoint mapper's talk falls over it.
pub fn rpc_packet(bytes: &[u8]) {
    if let Ok(body) = Fragment::parse(bytes).and_then(|fragment| fragment.clear_body()) {
        if let Ok(bind) = Bind::parse(body) {
            assert_eq!(Bind::parse(&bind.to_body()).as_ref(), Ok(&bind));
        }
        if let Ok(ack) = BindAck::parse(body) {
            assert_eq!(BindAck::parse(&ack.to_body()).map(|again| again.outcomes), Ok(ack.outcomes));
        }
    }
    drop(Lookup::begin().0.receive::<core::convert::Infallible>(bytes));
    drop(Mapper::begin(core::net::Ipv4Addr::LOCALHOST, 1).receive(bytes));
}

/// The endpoint mapper's question and answer: what is read of them is written, and then read as the same.
pub fn rpc_endpoints(bytes: &[u8]) {
    for transfer in Transfer::ALL {
        if let Ok(question) = Question::parse(transfer, bytes) {
            assert_eq!(Question::parse(transfer, &question.to_stub(transfer)), Ok(question));
        }
        if let Ok(places) = Places::parse(transfer, bytes) {
            assert_eq!(Places::parse(transfer, &places.to_stub(transfer, 4)), Ok(places));
        }
    }
}

/// A call of GetKey with what follows it: what is read of it is written, and then read as the same.
pub fn get_key_request(bytes: &[u8]) {
    for transfer in Transfer::ALL {
        let Ok((request, rest)) = Request::parse(transfer, bytes) else { continue };
        assert_eq!(Request::parse(transfer, &request.to_stub(transfer)), Ok((request, &[][..])));
        let (interface, transfer) = (lapwing_dpapi::rpc::isdkey::INTERFACE, transfer.syntax());
        let about = About { interface, transfer, call: 1, context: 0, method: 0, signs_headers: true };
        assert!(trailer::check(rest, &about).is_ok() || !rest.is_empty(), "there need not be a trailer");
    }
}

/// An answer of GetKey: what is read of it is written, and then read as the same.
pub fn get_key_answer(bytes: &[u8]) {
    for transfer in Transfer::ALL {
        let Ok(answer) = Answer::parse(transfer, bytes) else { continue };
        match (&answer, Answer::parse(transfer, &answer.to_stub(transfer))) {
            (Answer::Envelope(read), Ok(Answer::Envelope(again))) => {
                assert_eq!(read.expose_secret(), again.expose_secret());
            }
            (Answer::Refused(read), Ok(Answer::Refused(again))) => assert_eq!(*read, again),
            (_, other) => panic!("what was written is read as {other:?}"),
        }
    }
}

/// What a ticket says of its owner: names no more groups than there is room for in it.
pub fn logon_info(bytes: &[u8]) {
    if let Ok(info) = LogonInfo::parse(bytes) {
        assert!(info.groups.len() * 8 <= bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    type Body = fn(&[u8]);

    const BODIES: [(&str, Body); 19] = [
        ("syncml", syncml),
        ("enrolment", enrolment),
        ("settings_catalog", settings_catalog),
        ("upload", upload),
        ("registry_pol", registry_pol),
        ("security_descriptor", security_descriptor),
        ("keytab", keytab),
        ("netlogon", netlogon),
        ("protected_blob", protected_blob),
        ("key_identifier", key_identifier),
        ("group_key_envelope", group_key_envelope),
        ("key_file", key_file),
        ("encrypted_password", encrypted_password),
        ("rpc_packet", rpc_packet),
        ("rpc_endpoints", rpc_endpoints),
        ("get_key_request", get_key_request),
        ("get_key_answer", get_key_answer),
        ("logon_info", logon_info),
        ("log_on_report", log_on_report),
    ];

    /// What `cargo xtask fuzz` reads: each body's name and the folder of its examples.
    const LIST: &str = include_str!("../../../fuzz/bodies.txt");

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn every_body_has_a_target_and_examples_and_no_target_is_without_a_body() {
        let bodies: BTreeSet<String> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let listed = LIST.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
        assert_eq!(listed.collect::<BTreeSet<_>>(), bodies);
        let targets = fs::read_dir(root().join("fuzz/targets")).unwrap();
        let targets =
            targets.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
        assert_eq!(targets.collect::<BTreeSet<_>>(), bodies);
    }

    #[test]
    fn every_body_holds_for_examples_and_for_all_that_was_ever_found() {
        let examples: BTreeMap<_, _> = LIST.lines().filter_map(|line| line.split_once(' ')).collect();
        for (name, body) in BODIES {
            let examples: Vec<_> = fs::read_dir(root().join(examples[name])).unwrap().collect();
            assert!(!examples.is_empty(), "{name} has no examples");
            let found = fs::read_dir(root().join("fuzz/found").join(name)).into_iter().flatten();
            for file in examples.into_iter().chain(found) {
                body(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
