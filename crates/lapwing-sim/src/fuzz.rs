//! What a fuzzer runs: each body takes any bytes and panics if something holds no longer. `cargo xtask fuzz`.
//!
//! What a fuzzer has found lies in `fuzz/found/` by the body's name; a test here runs every body over that and over the
//! examples that its decoder's tests have.

use lapwing_proto::{
    graph::{ConfigurationPolicy, read_settings, write_settings},
    json, mde2,
    register::{LapwingUpload, Upload, UploadPassword},
    syncml::{self, Command, Group},
};

/// What a fuzzer runs.
pub type Body = fn(&[u8]);

/// The bodies by name, each with the folder of its examples.
pub const BODIES: [(&str, Body, &str); 4] = [
    ("syncml", syncml, "crates/lapwing-proto/src/syncml/fixtures"),
    ("enrolment", enrolment, "crates/lapwing-proto/src/mde2/fixtures"),
    ("settings_catalog", settings_catalog, "crates/lapwing-proto/tests/fixtures"),
    ("upload", upload, "fuzz/examples/upload"),
];

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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_body_holds_for_examples_and_for_all_that_was_ever_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, body, examples) in BODIES {
            let examples: Vec<_> = fs::read_dir(root.join(examples)).unwrap().collect();
            assert!(!examples.is_empty(), "{name} has no examples");
            let found = fs::read_dir(root.join("fuzz/found").join(name)).into_iter().flatten();
            for file in examples.into_iter().chain(found) {
                body(&fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
