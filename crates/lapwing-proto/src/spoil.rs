//! What befalls a message on the way, or at the hands of somebody who means ill: for tests alone.

use proptest::{prelude::*, sample::Index};

#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
}

const WORDS: &[&str] = &[
    "<Atomic>",
    "</Atomic>",
    "<CmdID>1</CmdID>",
    "<Item>",
    "</Item>",
    "<Data>",
    "</Data>",
    "<MoreData/>",
    "<Final/>",
    "<LocURI>",
    "&lt;",
    "&#x0;",
    "&x;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?x?>",
    "<!DOCTYPE x>",
    " x=\"y\"",
    "\0",
    "ä",
    "-1",
    "99999999999",
    "s:",
    "<wsse:Security>",
    "</wsse:Security>",
    "=",
];

pub(crate) fn mutations() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), 1..40_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, len)| Mutation::Repeat(at, len)),
        (any::<Index>(), proptest::sample::select(WORDS)).prop_map(|(at, word)| Mutation::Insert(at, word)),
    ]
}

pub(crate) fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let (Mutation::Remove(at, _) | Mutation::Repeat(at, _) | Mutation::Insert(at, _)) = mutation;
    let at = at.index(bytes.len() + 1);
    match mutation {
        Mutation::Remove(_, len) => drop(bytes.drain(at..(at + len).min(bytes.len()))),
        Mutation::Repeat(_, len) => {
            let part = bytes[at..(at + len).min(bytes.len())].to_vec();
            drop(bytes.splice(at..at, part));
        }
        Mutation::Insert(_, word) => drop(bytes.splice(at..at, word.bytes())),
    }
}
