//! Objects that are longer than a message: cut into chunks, and put together again.
//! OMA-TS-DM_Protocol-V1_2 section 7; OMA-TS-SyncML_RepPro-V1_2, `MoreData`.
//!
//! The first chunk tells the length of the whole; each but the last carries `MoreData` and is the last item of its
//! message. The other side answers 213 and asks for the next message.

use super::{Item, LocUri, StatusCode};
use crate::xml::escaped_len;

/// The longest object that is put together, in bytes.
pub const OBJECT_LEN_MAX: usize = 1 << 20;

/// Cuts an item so that the data of the first part takes at most `room` bytes in a message. None if it fits, has none, or
/// has no room for a single character.
///
/// The second part is a continuation: it has no length of the whole any more.
#[must_use]
pub fn split(item: &Item, is_continuation: bool, room: usize) -> Option<(Item, Item)> {
    let data = item.data.as_ref()?;
    let mut len = 0_usize;
    let at = data.char_indices().find_map(|(at, c)| {
        len = len.saturating_add(escaped_len(c));
        (len > room).then_some(at)
    })?;
    let (first, rest) = data.split_at_checked(at).filter(|(first, _)| !first.is_empty())?;
    let mut head = Item { data: Some(first.to_owned()), more_data: true, ..item.clone() };
    if !is_continuation {
        head.meta.size = u32::try_from(data.len()).ok();
    }
    let mut tail = Item { data: Some(rest.to_owned()), ..item.clone() };
    tail.meta.size = None;
    Some((head, tail))
}

/// Puts chunks together: at most one object at a time.
#[derive(Debug, Clone, Default)]
pub struct Assembly {
    open: Option<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    /// As the first chunk had it, with all the data so far.
    item: Item,
    size: usize,
}

/// What has come of an item.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The whole value is here.
    Whole(Item),
    /// It is a chunk, and more are to come: the answer is [`StatusCode::CHUNK_ACCEPTED`].
    Chunk,
}

impl Assembly {
    /// Whether the item does not belong to the object that is begun: its end did not come, and [`Self::give_up`] is
    /// due.
    #[must_use]
    pub fn is_broken_by(&self, item: &Item) -> bool {
        self.open.as_ref().is_some_and(|open| address(&open.item) != address(item))
    }

    /// Forgets an object that is begun and not ended; gives what names it, for [`super::AlertCode::NO_END_OF_DATA`].
    pub fn give_up(&mut self) -> Option<Item> {
        let Item { target, source, .. } = self.open.take()?.item;
        Some(Item { target, source, ..Item::default() })
    }

    /// Takes the next item.
    ///
    /// # Errors
    /// The answer to it, if it or the object is not as it should be; the object is forgotten then.
    pub fn take(&mut self, item: Item) -> Result<Taken, StatusCode> {
        let more_data = item.more_data;
        let open = match self.open.take() {
            Some(mut open) => {
                let whole = open.item.data.get_or_insert_default();
                whole.push_str(item.data.as_deref().unwrap_or_default());
                open
            }
            None if !more_data => return Ok(Taken::Whole(item)),
            None => {
                let size = item.meta.size.ok_or(StatusCode::SIZE_REQUIRED)?;
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > OBJECT_LEN_MAX {
                    return Err(StatusCode::TOO_LARGE);
                }
                Open { item, size }
            }
        };
        let len = open.item.data.as_ref().map_or(0, String::len);
        match (more_data, len.cmp(&open.size)) {
            (_, core::cmp::Ordering::Greater) | (false, core::cmp::Ordering::Less) => {
                Err(StatusCode::SIZE_MISMATCH)
            }
            (false, core::cmp::Ordering::Equal) => {
                let mut item = open.item;
                (item.more_data, item.meta.size) = (false, None);
                Ok(Taken::Whole(item))
            }
            (true, _) => {
                self.open = Some(open);
                Ok(Taken::Chunk)
            }
        }
    }
}

const fn address(item: &Item) -> (Option<&LocUri>, Option<&LocUri>) {
    (item.target.as_ref(), item.source.as_ref())
}
