//! The journal and the account's field, as the other side of the socket is told of them.

use lapwing_core::{
    agent,
    local::root_half::{ClosedAccount, EncryptedTo, Entry, Field, Journal, OwnAccount},
};

use super::{VerbError, Work};

impl Work {
    pub(super) fn state(&self) -> Result<Journal, VerbError> {
        let agent::Journal {
            current,
            candidates,
            replaced,
            unanswered,
            field,
            own,
            not_normal,
            possible_clone,
            closed,
        } = self.half.state()?;
        Ok(Journal {
            current: current.map(tell),
            candidates: candidates.into_iter().map(tell).collect(),
            replaced: replaced.iter().map(ToString::to_string).collect(),
            unanswered,
            field: match field {
                agent::Field::Unmanaged => Field::Unmanaged,
                agent::Field::Current => Field::Current,
                agent::Field::Locked => Field::Locked,
                agent::Field::Candidate => Field::Candidate,
                agent::Field::Drifted => Field::Drifted,
                agent::Field::Emptied => Field::Emptied,
                agent::Field::Missing => Field::Missing,
            },
            possible_clone: possible_clone.map(|why| *why),
            own: own.map(|own| OwnAccount {
                account: own.account.to_string(),
                uid: own.uid.0,
                enabled: own.enabled,
                wrong: own.wrong,
            }),
            closed: closed
                .map(|closed| ClosedAccount { account: closed.account.to_string(), uid: closed.uid.0 }),
            not_normal: not_normal.map(|why| *why),
        })
    }
}

fn tell(entry: agent::Entry) -> Entry {
    Entry {
        version: entry.version.to_string(),
        account: entry.account.to_string(),
        uid: entry.uid.0,
        directory: entry.directory.to_string(),
        record: entry.record.to_string(),
        expiry: entry.expiry.0.to_string(),
        prepared: entry.prepared.0.to_string(),
        recorded: entry.recorded,
        sealed: entry.sealed,
        encrypted_to: entry.encrypted_to.map(|encrypted_to| EncryptedTo {
            principal: encrypted_to.principal.to_string(),
            updated: encrypted_to.updated.to_string(),
        }),
        acknowledged_by: entry.acknowledged_by.map(|replica| replica.to_string()),
    }
}
