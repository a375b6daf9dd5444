use core::time::Duration;

use lapwing_core::{
    host_binding::{HostBinding, Parts},
    types::{EncryptedTo, FileTime, Guid, PasswordVersion, RecordId, RunId, Sid, Uid, WallTime},
};
use proptest::prelude::*;

use super::disk;
use crate::host::{Entry, Journal};

fn at(seconds: u64) -> WallTime {
    WallTime(FileTime::from_unix(Duration::from_secs(1_800_000_000 + seconds)).unwrap())
}

fn version(number: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([number; 16]))
}

fn entry(number: u8) -> Entry {
    Entry {
        version: version(number),
        account: "ann".parse().unwrap(),
        uid: Uid(1000),
        hash: format!("$6$salt$0123456789{number}").parse().unwrap(),
        directory: "ad:corp.example".parse().unwrap(),
        record: RecordId("CN=pc".to_owned()),
        expiry: at(86_400).0,
        prepared: at(0).0,
        sealed: number.is_multiple_of(2).then(|| vec![number; 40]),
        encrypted_to: number
            .is_multiple_of(4)
            .then(|| EncryptedTo { principal: Sid::local_system(), updated: at(1).0 }),
        sends: Vec::new(),
        acknowledged_by: None,
    }
}

/// One with something in each of its members.
pub(super) fn full_journal() -> Journal {
    let replica = |name: &str| Some(name.parse().unwrap());
    let digests = Parts { machine_id: Some([0x0f; 32]), product_uuid: None, filesystem: Some([0xf0; 32]) };
    let binding = Some(HostBinding { salt: [0xa5; 16], digests });
    let mut journal = Journal { binding, ..Journal::default() };
    journal.begin(RunId(Guid::from_bytes([0xee; 16])));
    for number in 0..20 {
        journal.add(entry(number)).unwrap();
        journal.record(version(number), replica("dc1.corp.example"), at(number.into())).unwrap();
        journal.finish(at(number.into()));
    }
    for number in 100..108 {
        journal.add(entry(number)).unwrap();
    }
    journal.count_send(version(107), replica("dc2.corp.example"), at(50)).unwrap();
    journal.record(version(103), replica("dc1.corp.example"), at(50)).unwrap();
    journal
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_journal(bytes: Vec<u8>) {
        prop_assert!(disk::decode(&bytes).is_err());
    }
}
