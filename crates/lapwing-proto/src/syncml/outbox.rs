//! Commands on their way out, packed into messages that the other side takes.

use std::collections::VecDeque;

use super::{Command, Header, Item, Message, Meta, Operation, Results, chunk, encode, write};

/// Commands that are still to be sent, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    commands: VecDeque<Command>,
    /// Whether the first command's item goes on with an object of which chunks have been sent.
    is_continuation: bool,
}

impl Outbox {
    /// Puts a command at the end.
    pub fn push(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    /// Whether all has been sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Takes the next message of at most `len_max` bytes, with `first` before all else; it is final if it takes the last
    /// command.
    ///
    /// The data of a command with one item is cut where it does not fit. A command that fits no message and cannot be cut
    /// has one for itself, which the other side may refuse: so that each call comes nearer to the end.
    pub fn fill(&mut self, header: Header, first: Vec<Command>, len_max: usize) -> Message {
        let mut message = Message { header, commands: first, is_final: true };
        let first_len = message.commands.len();
        let mut room = len_max.saturating_sub(encode(&message).len());
        while let Some(command) = self.commands.pop_front() {
            let len = write::len(&command);
            if len <= room {
                room = room.saturating_sub(len);
                self.is_continuation = false;
                message.commands.push(command);
            } else if let Some((head, tail)) = split(&command, self.is_continuation, room) {
                self.is_continuation = true;
                self.commands.push_front(tail);
                message.commands.push(head);
                break;
            } else if message.commands.len() == first_len {
                self.is_continuation = false;
                message.commands.push(command);
                break;
            } else {
                self.commands.push_front(command);
                break;
            }
        }
        message.is_final = self.commands.is_empty();
        message
    }
}

/// Cuts the data of a command's only item.
fn split(command: &Command, is_continuation: bool, room: usize) -> Option<(Command, Command)> {
    let (mut head, mut tail) = (command.clone(), command.clone());
    let item = core::mem::take(only_item(&mut head)?);
    let meta = Meta { size: Some(u32::MAX), ..item.meta.clone() };
    *only_item(&mut head)? = Item { data: Some(String::new()), more_data: true, meta, ..item.clone() };
    let room = room.checked_sub(write::len(&head))?;
    (*only_item(&mut head)?, *only_item(&mut tail)?) = chunk::split(&item, is_continuation, room)?;
    Some((head, tail))
}

fn only_item(command: &mut Command) -> Option<&mut Item> {
    let (Command::Operation(Operation { items, .. }) | Command::Results(Results { items, .. })) = command
    else {
        return None;
    };
    match items.as_mut_slice() {
        [item] => Some(item),
        _ => None,
    }
}
