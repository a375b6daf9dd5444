//! A package of a device that takes several messages: results in chunks, and what was said in the messages before.
//! OMA-TS-DM_Protocol-V1_2 sections 6.3 and 7.
//!
//! This is all that the server remembers of a session, and it may forget it at any moment: the session then ends with
//! less done, and the next one does the rest. What is due is due in the database.

use std::collections::BTreeMap;

use lapwing_core::types::DeviceId;
use lapwing_proto::syncml::{
    CmdId, Command, Item, Message, MsgId, Operation, Results, SessionId, StatusCode,
    chunk::{Assembly, Taken},
};

use super::session::{Heard, hear};

/// The most sessions that are remembered; the oldest are forgotten.
const SESSIONS_MAX: usize = 256;
/// The most data that the items of one package may have that spans messages, in bytes. All leaves of the CSP together
/// have a tenth of that.
pub(crate) const PACKAGE_LEN_MAX: usize = 64 << 10;

/// How far a package has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    heard: Heard,
    assembly: Assembly,
    len: usize,
}

/// A session in which a package is not complete, or has just become so.
#[derive(Debug, Clone)]
pub(crate) struct Unfinished {
    session: SessionId,
    msg_id: MsgId,
    /// Before that message, which may come again if its answer was lost.
    before: Option<Progress>,
    /// After it; none if the package is complete.
    after: Option<Progress>,
}

/// What a message comes to, together with those of its package before it.
#[derive(Debug)]
pub(crate) struct Package {
    /// All that the device has said in it so far.
    pub(crate) heard: Heard,
    /// The answers to chunks, and to objects that are not as they should be.
    pub(crate) chunks: Vec<(CmdId, StatusCode)>,
    /// Objects that were begun and not ended.
    pub(crate) broken: Vec<Item>,
    /// What is to be remembered, if anything.
    pub(crate) next: Option<Unfinished>,
}

impl Package {
    /// Puts the message's objects together, and takes note of what it says.
    pub(crate) fn of(known: Option<Unfinished>, message: &mut Message) -> Self {
        let before = known.and_then(|known| known.before(message));
        let mut progress = before.clone().unwrap_or_default();
        let mut package =
            Self { heard: Heard::default(), chunks: Vec::new(), broken: Vec::new(), next: None };
        for command in &mut message.commands {
            let (Command::Results(Results { id, items, .. })
            | Command::Operation(Operation { id, items, .. })) = command
            else {
                continue;
            };
            let id = id.clone();
            items.retain_mut(|item| package.take(&mut progress, &id, item));
        }
        if message.is_final {
            package.broken.extend(progress.assembly.give_up());
        }
        progress.heard.add(hear(message));
        let after = (!message.is_final).then(|| progress.clone());
        package.heard = progress.heard;
        if before.is_some() || after.is_some() {
            let (session, msg_id) = (message.header.session_id.clone(), message.header.msg_id);
            package.next = Some(Unfinished { session, msg_id, before, after });
        }
        package
    }

    /// Whether the item, made whole, is there to be looked at.
    fn take(&mut self, progress: &mut Progress, id: &CmdId, item: &mut Item) -> bool {
        if progress.assembly.is_broken_by(item) {
            self.broken.extend(progress.assembly.give_up());
        }
        progress.len = progress.len.saturating_add(item.data.as_ref().map_or(0, String::len));
        let taken = if progress.len > PACKAGE_LEN_MAX {
            progress.assembly.give_up();
            Err(StatusCode::TOO_LARGE)
        } else {
            progress.assembly.take(core::mem::take(item))
        };
        let code = match taken {
            Ok(Taken::Whole(whole)) => {
                *item = whole;
                return true;
            }
            Ok(Taken::Chunk) => StatusCode::CHUNK_ACCEPTED,
            Err(code) => code,
        };
        self.chunks.push((id.clone(), code));
        false
    }
}

impl Unfinished {
    /// How far the message's package had come before it.
    fn before(self, message: &Message) -> Option<Progress> {
        let header = &message.header;
        if header.session_id != self.session || header.msg_id < self.msg_id {
            None
        } else if header.msg_id == self.msg_id {
            self.before
        } else {
            self.after
        }
    }
}

/// The sessions that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<DeviceId, (u64, Unfinished)>,
    kept: u64,
}

impl Sessions {
    pub(crate) fn find(&self, device: DeviceId) -> Option<&Unfinished> {
        self.open.get(&device).map(|(_, unfinished)| unfinished)
    }

    /// Remembers how far a device's session has come, in place of its last one.
    pub(crate) fn keep(&mut self, device: DeviceId, next: Option<Unfinished>) {
        let Some(next) = next else {
            self.open.remove(&device);
            return;
        };
        self.kept = self.kept.saturating_add(1);
        self.open.insert(device, (self.kept, next));
        if self.open.len() > SESSIONS_MAX {
            let oldest = self.open.iter().min_by_key(|(_, (kept, _))| *kept).map(|(device, _)| *device);
            oldest.and_then(|oldest| self.open.remove(&oldest));
        }
    }
}

#[cfg(test)]
mod tests;
