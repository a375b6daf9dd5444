//! What client and server may speak about. C706 section 12.6.3.1; [MS-RPCE] 3.3.1.5.3.

use std::collections::BTreeMap;

use crate::rpc::{
    ndr::{DecodeError, Transfer},
    pdu::{
        Bind, BindAck, CONTEXTS_MAX, FRAGMENT_LEN_MAX, FRAGMENT_LEN_MIN, NO_INTERFACE, NO_TRANSFER, Offer,
        Outcome, SyntaxId,
    },
};

/// The group of every connection that names none: nothing is shared within it.
const GROUP: u32 = 1;

/// `bind_time_features`, all but its last eight bytes, which are the client's mask. [MS-RPCE] 2.2.2.14.
const FEATURES: [u8; 8] = [0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45];
/// We have none of them: neither several security contexts in one connection, nor calls that outlive it.
const FEATURES_GRANTED: u16 = 0;

/// What client and server may speak about.
#[derive(Debug)]
pub(super) struct Contexts {
    interface: SyntaxId,
    pub(super) accepted: BTreeMap<u16, Transfer>,
}

impl Contexts {
    pub(super) const fn of(interface: SyntaxId) -> Self {
        Self { interface, accepted: BTreeMap::new() }
    }

    fn settle(&mut self, offers: &[Offer]) -> Vec<Outcome> {
        offers.iter().map(|offer| self.settle_one(offer)).collect()
    }

    fn settle_one(&mut self, offer: &Offer) -> Outcome {
        let is_question = |syntax: &SyntaxId| {
            let [a, b, c, d, e, f, g, h, ..] = syntax.uuid.to_bytes_le();
            [a, b, c, d, e, f, g, h] == FEATURES
        };
        if offer.transfers.iter().any(is_question) {
            return Outcome::Features(FEATURES_GRANTED);
        }
        let SyntaxId { uuid, major, minor } = offer.interface;
        if (uuid, major) != (self.interface.uuid, self.interface.major) || minor > self.interface.minor {
            return Outcome::Refused(NO_INTERFACE);
        }
        let known = offer.transfers.iter().find_map(|transfer| Transfer::of(*transfer));
        let Some(transfer) = known else { return Outcome::Refused(NO_TRANSFER) };
        let is_full = self.accepted.len() >= CONTEXTS_MAX;
        match self.accepted.get(&offer.context) {
            Some(before) if *before == transfer => {}
            // A number once given keeps its meaning.
            Some(_) => return Outcome::Refused(NO_TRANSFER),
            None if is_full => return Outcome::Refused(NO_INTERFACE),
            None => {
                self.accepted.insert(offer.context, transfer);
            }
        }
        Outcome::Accepted(transfer.syntax())
    }

    /// Settles everything that is offered: the answer.
    pub(super) fn ack(&mut self, bind: &Bind, address: String) -> Result<BindAck, DecodeError> {
        if bind.receive_max < FRAGMENT_LEN_MIN {
            return Err(DecodeError::Malformed("longest fragment"));
        }
        Ok(BindAck {
            send_max: bind.receive_max.min(FRAGMENT_LEN_MAX),
            receive_max: FRAGMENT_LEN_MAX,
            group: if bind.group == 0 { GROUP } else { bind.group },
            address,
            outcomes: self.settle(&bind.offers),
        })
    }
}
