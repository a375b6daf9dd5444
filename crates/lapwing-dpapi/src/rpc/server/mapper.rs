//! An endpoint mapper that knows one service. C706 appendix O.

use core::{convert::Infallible, net::Ipv4Addr};

use super::{BAD_STUB_DATA, Ended, NO_SUCH_METHOD, ServerError, UNKNOWN_INTERFACE, contexts::Contexts};
use crate::rpc::{
    association::Inbox,
    epm::{self, Places, Question},
    isdkey,
    ndr::Transfer,
    pdu::{Bind, CallHeader, Fragment, Kind, write, write_call},
};

/// One connection to an endpoint mapper that knows this one service, to which nobody has to prove anything.
#[derive(Debug)]
pub struct Mapper {
    inbox: Inbox,
    contexts: Contexts,
    is_bound: bool,
    address: Ipv4Addr,
    port: u16,
}

impl Mapper {
    /// A new connection, which is told that the service is at this address and port.
    #[must_use]
    pub fn begin(address: Ipv4Addr, port: u16) -> Self {
        Self {
            inbox: Inbox::default(),
            contexts: Contexts::of(epm::INTERFACE),
            is_bound: false,
            address,
            port,
        }
    }

    /// Takes what has come: what to send, if anything.
    ///
    /// # Errors
    /// [`Ended`] if the connection has to be closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Ended<Infallible>> {
        self.inbox.put(bytes);
        let Some(fragment) = self.inbox.next()? else { return Ok(None) };
        if !self.inbox.is_empty() {
            return Err(ServerError::Impatient.silently());
        }
        let fragment = Fragment::parse(&fragment)?;
        let call = fragment.header.call;
        match (self.is_bound, fragment.header.kind) {
            (false, Kind::Bind) => {
                let bind = Bind::parse(fragment.clear_body()?)?;
                let ack = self.contexts.ack(&bind, epm::PORT.to_string())?;
                self.is_bound = true;
                Ok(Some(write(Kind::BindAck, 0, call, &ack.to_body(), None)))
            }
            (true, Kind::AlterContext) => {
                let bind = Bind::parse(fragment.clear_body()?)?;
                let ack = self.contexts.ack(&bind, String::new())?;
                Ok(Some(write(Kind::AlterContextResponse, 0, call, &ack.to_body(), None)))
            }
            // A question is far shorter than a fragment.
            (true, Kind::Request) if fragment.is_whole() && fragment.auth.is_none() => {
                self.map(&fragment).map(Some)
            }
            (_, kind) => Err(ServerError::Unexpected(kind).silently()),
        }
    }

    fn map(&self, fragment: &Fragment<'_>) -> Result<Vec<u8>, Ended<Infallible>> {
        let call = fragment.header.call;
        let (header, stub) = CallHeader::parse(fragment)?;
        let fault = |why: ServerError<_>, status| why.with_fault(call, header.context, status);
        let Some(&transfer) = self.contexts.accepted.get(&header.context) else {
            return Err(fault(ServerError::Context(header.context), UNKNOWN_INTERFACE));
        };
        if header.method != epm::MAP {
            return Err(fault(ServerError::Method(header.method), NO_SUCH_METHOD));
        }
        let question = Question::parse(transfer, stub);
        let question = question.map_err(|error| fault(error.into(), BAD_STUB_DATA))?;
        let is_served = |tower: &epm::Tower| {
            tower.interface == isdkey::INTERFACE && Transfer::of(tower.transfer).is_some()
        };
        let places = match question.tower.filter(is_served) {
            Some(tower) if question.towers_max > 0 => {
                let tower = epm::Tower { port: self.port, address: self.address, ..tower };
                Places { towers: vec![tower], status: 0 }
            }
            _ => Places { towers: Vec::new(), status: epm::NOT_REGISTERED },
        };
        let header = CallHeader { hint: 0, context: header.context, method: 0 };
        Ok(write_call(Kind::Response, call, header, &places.to_stub(transfer, question.towers_max)))
    }
}
