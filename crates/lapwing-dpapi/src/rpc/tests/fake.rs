//! A security context that protects nothing from anybody, but notices every changed byte and every message out of order.

use crate::rpc::{Message, Seal};

/// How many tokens the client sends and the server answers before both are complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legs {
    pub(super) client: u8,
    pub(super) server: u8,
}

/// Kerberos in the style of DCE: a third token, which is not answered.
pub(super) const KERBEROS: Legs = Legs { client: 2, server: 1 };
/// SPNEGO in front of Samba: every token is answered.
pub(super) const NEGOTIATE: Legs = Legs { client: 3, server: 3 };

#[derive(Debug)]
pub(super) struct Fake {
    legs: Legs,
    is_client: bool,
    /// Tokens sent and taken.
    sent: u8,
    taken: u8,
    sealed: u64,
    opened: u64,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct FakeError(pub(super) &'static str);

pub(super) const SIGNATURE_LEN: usize = 28;
const MAC_LEN: usize = 8;

impl Fake {
    pub(super) fn client(legs: Legs) -> (Self, Vec<u8>) {
        let mut this = Self { legs, is_client: true, sent: 0, taken: 0, sealed: 0, opened: 0 };
        let token = this.token();
        (this, token)
    }

    pub(super) const fn server(legs: Legs) -> Self {
        Self { legs, is_client: false, sent: 0, taken: 0, sealed: 0, opened: 0 }
    }

    fn to_send(&self) -> u8 {
        if self.is_client { self.legs.client } else { self.legs.server }
    }

    fn to_take(&self) -> u8 {
        if self.is_client { self.legs.server } else { self.legs.client }
    }

    fn token(&mut self) -> Vec<u8> {
        if self.sent == self.to_send() {
            return Vec::new();
        }
        self.sent += 1;
        vec![if self.is_client { b'c' } else { b's' }, self.sent]
    }

    /// A digest of everything, the direction and the number included.
    fn mac(&self, from_client: bool, number: u64, message: &Message<'_>) -> [u8; MAC_LEN] {
        let parts = [message.header, message.body, message.trailer];
        let lens = parts.map(|part| part.len().to_le_bytes());
        let head = [u8::from(from_client)].into_iter().chain(number.to_le_bytes());
        let all = head.chain(lens.into_iter().flatten()).chain(parts.into_iter().flatten().copied());
        let digest = all.fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        digest.to_le_bytes()
    }
}

fn hide(body: &mut [u8]) {
    body.iter_mut().for_each(|byte| *byte ^= 0x5a);
}

impl Seal for Fake {
    type Error = FakeError;

    fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, FakeError> {
        let expected = [if self.is_client { b's' } else { b'c' }, self.taken + 1];
        if token != expected {
            return Err(FakeError("another token"));
        }
        self.taken += 1;
        Ok(self.token())
    }

    fn is_complete(&self) -> bool {
        self.sent == self.to_send() && self.taken == self.to_take()
    }

    fn signature_len(&mut self, _body_len: usize) -> Result<usize, FakeError> {
        Ok(SIGNATURE_LEN)
    }

    fn seal(&mut self, message: Message<'_>) -> Result<Vec<u8>, FakeError> {
        if !self.is_complete() {
            return Err(FakeError("not complete"));
        }
        assert_eq!(message.body.len() % 16, 0);
        let mac = self.mac(self.is_client, self.sealed, &message);
        self.sealed += 1;
        hide(message.body);
        Ok([&mac[..], &[0xff; SIGNATURE_LEN - MAC_LEN]].concat())
    }

    fn open(&mut self, message: Message<'_>, signature: &[u8]) -> Result<(), FakeError> {
        hide(message.body);
        let mac = self.mac(!self.is_client, self.opened, &message);
        if signature != [&mac[..], &[0xff; SIGNATURE_LEN - MAC_LEN]].concat() {
            return Err(FakeError("changed, or out of order"));
        }
        self.opened += 1;
        Ok(())
    }
}

impl Fake {
    /// As if so many messages had not been sealed.
    pub(super) fn take_back(&mut self, messages: u64) {
        self.sealed -= messages;
    }
}
