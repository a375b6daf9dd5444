//! The client: on which port the service is ([`Lookup`]), and one call of it ([`GetKey`]).

use super::{
    association::{Assembly, Association, Inbox, OpenError},
    epm,
    isdkey::{self, Answer, Request},
    ndr::{DecodeError, Reader, Transfer},
    pdu::{
        AuthHeader, AuthKind, Bind, BindAck, BindNak, CallHeader, FRAGMENT_LEN_MAX, FRAGMENT_LEN_MIN,
        Fragment, HEADER_SIGNING, Kind, Offer, Outcome, SyntaxId, write, write_call,
    },
    seal::Seal,
    trailer,
};

/// The number of every packet of a bind, and of the one call that follows.
const BIND: u32 = 1;
const CALL: u32 = 2;
/// The most tokens that are sent: Kerberos alone takes two, SPNEGO three.
const TOKENS_MAX: u8 = 8;
/// The number of the only security context.
const SECURITY_CONTEXT: u32 = 0;

/// What to do next.
#[derive(Debug)]
pub enum Next<T> {
    /// Wait for more from the peer.
    Read,
    /// Send this, and wait for more.
    Send(Vec<u8>),
    /// This is what came of it. The connection has no more use.
    Done(T),
}

/// Why there is no answer. The connection has no more use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError<E> {
    /// What came makes no sense.
    #[error("the answer makes no sense")]
    Malformed(#[from] DecodeError),
    /// A packet that has no place here.
    #[error("a {0:?} came where none has a place")]
    Unexpected(Kind),
    /// More came than was asked for.
    #[error("more came than was asked for")]
    Surplus,
    /// The server does not want to speak with us.
    #[error("the server refuses the bind, with reason {}", .0.0)]
    Refused(BindNak),
    /// The server does not have the interface, or not in a transfer syntax of ours.
    #[error("the server does not have the interface")]
    NoInterface,
    /// The call failed before its method could answer. C706 appendix E; [MS-ERREF] 2.2.
    #[error("the server answers with the fault {0:#010x}")]
    Fault(u32),
    /// The endpoint mapper does not say where the interface is.
    #[error("the endpoint mapper answers with the status {0:#010x}")]
    Mapper(u32),
    /// What came is not protected as it was agreed.
    #[error("the answer is not sealed")]
    Unprotected,
    /// The server stopped to prove who it is before it had, or does not come to an end with it.
    #[error("the server does not prove who it is")]
    Unproved,
    /// The security context refuses what came.
    #[error("the protection of the connection does not hold")]
    Seal(#[source] E),
}

impl<E> From<OpenError<E>> for ClientError<E> {
    fn from(error: OpenError<E>) -> Self {
        match error {
            OpenError::Decode(error) => Self::Malformed(error),
            OpenError::Unprotected => Self::Unprotected,
            OpenError::Seal(error) => Self::Seal(error),
        }
    }
}

fn offer(context: u16, interface: SyntaxId, transfer: SyntaxId) -> Offer {
    Offer { context, interface, transfers: vec![transfer] }
}

fn bind(group: u32, offers: Vec<Offer>) -> Vec<u8> {
    Bind { send_max: FRAGMENT_LEN_MAX, receive_max: FRAGMENT_LEN_MAX, group, offers }.to_body()
}

/// What a fault says. C706 section 12.6.4.7.
fn status(stub: &[u8]) -> Result<u32, DecodeError> {
    Reader::new(stub).u32()
}

/// Asks an endpoint mapper, which proves nothing, for the port of the service.
#[derive(Debug, Default)]
pub struct Lookup {
    inbox: Inbox,
    is_bound: bool,
}

impl Lookup {
    /// Begins: what to send first.
    #[must_use]
    pub fn begin() -> (Self, Vec<u8>) {
        let body = bind(0, vec![offer(0, epm::INTERFACE, Transfer::Ndr.syntax())]);
        (Self::default(), write(Kind::Bind, 0, BIND, &body, None))
    }

    /// Takes what has come: the port, none if the service is not registered.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer to be had.
    pub fn receive<E>(&mut self, bytes: &[u8]) -> Result<Next<Option<u16>>, ClientError<E>> {
        self.inbox.put(bytes);
        let Some(fragment) = self.inbox.next()? else { return Ok(Next::Read) };
        if !self.inbox.is_empty() {
            return Err(ClientError::Surplus);
        }
        let fragment = Fragment::parse(&fragment)?;
        match (self.is_bound, fragment.header.kind) {
            (false, Kind::BindAck) => {
                let ack = BindAck::parse(fragment.clear_body()?)?;
                let [Outcome::Accepted(_)] = ack.outcomes.as_slice() else {
                    return Err(ClientError::NoInterface);
                };
                self.is_bound = true;
                let tower = epm::Tower {
                    interface: isdkey::INTERFACE,
                    transfer: Transfer::Ndr.syntax(),
                    port: epm::PORT,
                    address: core::net::Ipv4Addr::UNSPECIFIED,
                };
                let question = epm::Question { tower: Some(tower), towers_max: epm::TOWERS_MAX };
                let header = CallHeader { hint: 0, context: 0, method: epm::MAP };
                let stub = question.to_stub(Transfer::Ndr);
                Ok(Next::Send(write_call(Kind::Request, CALL, header, &stub)))
            }
            (true, Kind::Response) if fragment.is_whole() && fragment.header.call == CALL => {
                let (_, stub) = CallHeader::parse(&fragment)?;
                let places = epm::Places::parse(Transfer::Ndr, stub)?;
                let is_ours = |tower: &&epm::Tower| tower.interface.uuid == isdkey::INTERFACE.uuid;
                match (places.status, places.towers.iter().find(is_ours)) {
                    (0, Some(tower)) => Ok(Next::Done(Some(tower.port))),
                    (0, None) | (epm::NOT_REGISTERED, _) => Ok(Next::Done(None)),
                    (status, _) => Err(ClientError::Mapper(status)),
                }
            }
            (false, Kind::BindNak) => Err(ClientError::Refused(BindNak::parse(fragment.body)?)),
            (_, Kind::Fault) => Err(ClientError::Fault(status(CallHeader::parse(&fragment)?.1)?)),
            (_, other) => Err(ClientError::Unexpected(other)),
        }
    }
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The bind is not answered.
    Binding,
    /// What both speak about is settled; who they are is not.
    Proving,
    /// The request is sent.
    Calling,
}

/// One call of GetKey, from the bind to the answer.
#[derive(Debug)]
pub struct GetKey<S> {
    inbox: Inbox,
    association: Association<S>,
    request: Request,
    state: State,
    /// The number of the offer that was accepted, and its transfer syntax.
    context: (u16, Transfer),
    group: u32,
    tokens: u8,
    assembly: Assembly,
}

impl<S: Seal> GetKey<S> {
    /// Begins with a security context and its first token: what to send first.
    #[must_use]
    pub fn begin(seal: S, kind: AuthKind, token: &[u8], request: Request) -> (Self, Vec<u8>) {
        let offers = (0..).zip(Transfer::ALL);
        let offers = offers.map(|(number, transfer)| offer(number, isdkey::INTERFACE, transfer.syntax()));
        let auth = AuthHeader::new(kind, SECURITY_CONTEXT);
        let body = bind(0, offers.collect());
        let association =
            Association { seal, auth, signs_headers: false, fragment_len_max: FRAGMENT_LEN_MIN };
        let this = Self {
            inbox: Inbox::default(),
            association,
            request,
            state: State::Binding,
            context: (0, Transfer::Ndr),
            group: 0,
            tokens: 1,
            assembly: Assembly::default(),
        };
        (this, write(Kind::Bind, HEADER_SIGNING, BIND, &body, Some((auth, token))))
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer to be had.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Next<Answer>, ClientError<S::Error>> {
        self.inbox.put(bytes);
        while let Some(fragment) = self.inbox.next()? {
            match self.take(&Fragment::parse(&fragment)?)? {
                Next::Read => {}
                _ if !self.inbox.is_empty() => return Err(ClientError::Surplus),
                next @ (Next::Send(_) | Next::Done(_)) => return Ok(next),
            }
        }
        Ok(Next::Read)
    }

    fn take(&mut self, fragment: &Fragment<'_>) -> Result<Next<Answer>, ClientError<S::Error>> {
        match (self.state, fragment.header.kind) {
            (State::Binding, Kind::BindAck) => {
                self.settle(fragment)?;
                self.prove(fragment)
            }
            (State::Proving, Kind::AlterContextResponse) => {
                let ack = BindAck::parse(fragment.clear_body()?)?;
                let [Outcome::Accepted(_)] = ack.outcomes.as_slice() else {
                    return Err(ClientError::NoInterface);
                };
                self.prove(fragment)
            }
            (State::Calling, Kind::Response) if fragment.header.call == CALL => self.put_together(fragment),
            (State::Binding, Kind::BindNak) => Err(ClientError::Refused(BindNak::parse(fragment.body)?)),
            // One that came before both had proved who they are, or from a server that does not protect it.
            (_, Kind::Fault) if fragment.auth.is_none() => {
                Err(ClientError::Fault(status(CallHeader::parse(fragment)?.1)?))
            }
            (State::Calling, Kind::Fault) => {
                Err(ClientError::Fault(status(&self.association.open(fragment)?.1)?))
            }
            (_, other) => Err(ClientError::Unexpected(other)),
        }
    }

    /// Notes what was agreed on.
    fn settle(&mut self, fragment: &Fragment<'_>) -> Result<(), ClientError<S::Error>> {
        let ack = BindAck::parse(fragment.clear_body()?)?;
        if ack.outcomes.len() != Transfer::ALL.len() {
            return Err(DecodeError::Malformed("number of results").into());
        }
        let mut outcomes = (0..).zip(Transfer::ALL).zip(&ack.outcomes);
        let accepted =
            outcomes.find(|((_, transfer), outcome)| **outcome == Outcome::Accepted(transfer.syntax()));
        let (context, _) = accepted.ok_or(ClientError::NoInterface)?;
        if ack.receive_max < FRAGMENT_LEN_MIN {
            return Err(DecodeError::Malformed("longest fragment").into());
        }
        self.context = context;
        self.group = ack.group;
        self.association.fragment_len_max = ack.receive_max;
        self.association.signs_headers = fragment.header.flags & HEADER_SIGNING != 0;
        Ok(())
    }

    /// Takes the server's token, if there is one: the next of ours, until none is left on either side; then the request.
    fn prove(&mut self, fragment: &Fragment<'_>) -> Result<Next<Answer>, ClientError<S::Error>> {
        let auth = self.association.auth;
        let seal = &mut self.association.seal;
        let given = match fragment.auth {
            Some((theirs, _)) if !theirs.is_of(auth) => return Err(ClientError::Unprotected),
            Some((_, token)) => token,
            None => &[],
        };
        // It may have nothing to add to the last token of ours.
        let token =
            if given.is_empty() { Vec::new() } else { seal.step(given).map_err(ClientError::Seal)? };
        if token.is_empty() {
            return if seal.is_complete() { self.call() } else { Err(ClientError::Unproved) };
        }
        self.tokens += 1;
        if self.tokens > TOKENS_MAX {
            return Err(ClientError::Unproved);
        }
        self.state = State::Proving;
        let (context, transfer) = self.context;
        let body = bind(self.group, vec![offer(context, isdkey::INTERFACE, transfer.syntax())]);
        let flags = self.association.signing_flag();
        Ok(Next::Send(write(Kind::AlterContext, flags, BIND, &body, Some((auth, &token)))))
    }

    fn call(&mut self) -> Result<Next<Answer>, ClientError<S::Error>> {
        let (context, transfer) = self.context;
        let mut stub = self.request.to_stub(transfer);
        trailer::put(&mut stub, isdkey::INTERFACE, transfer.syntax());
        let header = CallHeader { hint: 0, context, method: isdkey::GET_KEY };
        self.state = State::Calling;
        let sealed = self.association.seal(Kind::Request, CALL, header, &stub).map_err(ClientError::Seal)?;
        Ok(Next::Send(sealed))
    }

    fn put_together(&mut self, fragment: &Fragment<'_>) -> Result<Next<Answer>, ClientError<S::Error>> {
        let (header, part) = self.association.open(fragment)?;
        let (context, transfer) = self.context;
        if header.context != context {
            return Err(DecodeError::Malformed("context").into());
        }
        // The count of cancellations, which no fragment has to share with the others.
        let header = CallHeader { method: 0, ..header };
        match self.assembly.take(fragment.header, header, &part)? {
            Some(stub) => Ok(Next::Done(Answer::parse(transfer, &stub)?)),
            None => Ok(Next::Read),
        }
    }
}
