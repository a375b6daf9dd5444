//! The server's side: calls of GetKey ([`Server`]), and an endpoint mapper that knows this one service ([`Mapper`]).
//!
//! Whatever is not a good call ends the connection: with last words, where the protocol has some for it.

mod contexts;
mod mapper;

use core::mem;

use self::contexts::Contexts;
pub use self::mapper::Mapper;
use super::{
    association::{Assembly, Association, Inbox, OpenError},
    isdkey::{self, Answer, Request},
    ndr::{DecodeError, Transfer},
    pdu::{AuthHeader, Bind, BindNak, CallHeader, Fragment, HEADER_SIGNING, Kind, write, write_fault},
    seal::Seal,
    trailer::{self, About, TrailerError},
};

/// The most tokens that are taken of one client: Kerberos alone takes two, SPNEGO three.
const TOKENS_MAX: u8 = 8;
/// Faults. C706 appendix E; [MS-ERREF] 2.2; [MS-RPCE] 2.2.2.8.
const ACCESS_DENIED: u32 = 5;
const BAD_STUB_DATA: u32 = 0x6f7;
const NO_SUCH_METHOD: u32 = 0x1c01_0002;
const UNKNOWN_INTERFACE: u32 = 0x1c01_0003;
const PROTOCOL_ERROR: u32 = 0x1c01_000b;

/// What to do next.
#[derive(Debug)]
pub enum Event {
    /// Wait for more from the client.
    Read,
    /// Send this, and wait for more.
    Send(Vec<u8>),
    /// Decide on this, and give the answer to [`Server::answer`]; nothing may come before that.
    GetKey(Request),
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError<E> {
    /// What came makes no sense.
    #[error("what came makes no sense")]
    Malformed(#[from] DecodeError),
    /// A packet that has no place here.
    #[error("a {0:?} came where none has a place")]
    Unexpected(Kind),
    /// The client did not wait for an answer.
    #[error("more came before there was an answer")]
    Impatient,
    /// The client wants to prove who it is in a way that we do not know, or not at all.
    #[error("the client proves in no way that is taken who it is")]
    AuthKind,
    /// The client wants less than encryption, or changes its mind.
    #[error("the client does not keep to sealing everything")]
    Unprotected,
    /// A request from somebody who has not proved who it is, or more proofs than it takes.
    #[error("the client has not proved who it is")]
    Unproved,
    /// A call of something that was not agreed on.
    #[error("the call is of the unknown context {0}")]
    Context(u16),
    /// A call of a method that is none.
    #[error("the interface has no method {0}")]
    Method(u16),
    /// A call that somebody may have turned into another one.
    #[error("the client believes to make another call")]
    Trailer(#[from] TrailerError),
    /// The security context refuses what came.
    #[error("the protection of the connection does not hold")]
    Seal(#[source] E),
}

/// The end of a connection.
#[derive(Debug)]
pub struct Ended<E> {
    /// What to send before it is closed.
    pub last_words: Option<Vec<u8>>,
    /// Why.
    pub why: ServerError<E>,
}

impl<E> From<DecodeError> for Ended<E> {
    fn from(error: DecodeError) -> Self {
        Self { last_words: None, why: error.into() }
    }
}

impl<E> ServerError<E> {
    const fn silently(self) -> Ended<E> {
        Ended { last_words: None, why: self }
    }

    fn with_nak(self, call: u32, nak: BindNak) -> Ended<E> {
        Ended { last_words: Some(write(Kind::BindNak, 0, call, &nak.to_body(), None)), why: self }
    }

    fn with_fault(self, call: u32, context: u16, status: u32) -> Ended<E> {
        Ended { last_words: Some(write_fault(call, context, status)), why: self }
    }
}

/// One connection of a client that wants keys.
#[derive(Debug)]
pub struct Server<S> {
    inbox: Inbox,
    contexts: Contexts,
    port: u16,
    tokens: u8,
    assembly: Assembly,
    state: State<S>,
}

/// How far it has come.
#[derive(Debug)]
enum State<S> {
    /// Nothing has come yet.
    Fresh(S),
    /// The client proves who it is, or has.
    Bound(Association<S>),
    /// There is a call to be answered: its number, and that of what it is about.
    Asked(Association<S>, u32, u16, Transfer),
    /// It is over.
    Ended,
}

type Outcomes<S> = Result<Event, Ended<<S as Seal>::Error>>;

impl<S: Seal> Server<S> {
    /// A new connection to this port, and the security context that will judge its tokens.
    #[must_use]
    pub fn begin(seal: S, port: u16) -> Self {
        Self {
            inbox: Inbox::default(),
            contexts: Contexts::of(isdkey::INTERFACE),
            port,
            tokens: 0,
            assembly: Assembly::default(),
            state: State::Fresh(seal),
        }
    }

    /// The security context, which says who asks once it is complete; none when the connection has ended.
    #[must_use]
    pub const fn seal(&self) -> Option<&S> {
        match &self.state {
            State::Fresh(seal) => Some(seal),
            State::Bound(association) | State::Asked(association, ..) => Some(&association.seal),
            State::Ended => None,
        }
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// [`Ended`] if the connection has to be closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Outcomes<S> {
        let outcome = self.receive_all(bytes);
        if outcome.is_err() {
            self.state = State::Ended;
        }
        outcome
    }

    fn receive_all(&mut self, bytes: &[u8]) -> Outcomes<S> {
        if matches!(self.state, State::Asked(..)) {
            return Err(ServerError::Impatient.silently());
        }
        self.inbox.put(bytes);
        while let Some(fragment) = self.inbox.next()? {
            match self.take(&Fragment::parse(&fragment)?)? {
                Event::Read => {}
                _ if !self.inbox.is_empty() => return Err(ServerError::Impatient.silently()),
                event @ (Event::Send(_) | Event::GetKey(_)) => return Ok(event),
            }
        }
        Ok(Event::Read)
    }

    /// Answers the call that [`Event::GetKey`] has told: what to send.
    ///
    /// # Errors
    /// [`Ended`] if there is none, or the security context does not seal any more.
    pub fn answer(&mut self, answer: &Answer) -> Result<Vec<u8>, Ended<S::Error>> {
        let State::Asked(mut association, call, context, transfer) =
            mem::replace(&mut self.state, State::Ended)
        else {
            return Err(ServerError::Unexpected(Kind::Response).silently());
        };
        let header = CallHeader { hint: 0, context, method: 0 };
        let sealed = association.seal(Kind::Response, call, header, &answer.to_stub(transfer));
        let sealed = sealed.map_err(|error| ServerError::Seal(error).silently())?;
        self.state = State::Bound(association);
        Ok(sealed)
    }

    fn take(&mut self, fragment: &Fragment<'_>) -> Outcomes<S> {
        let kind = fragment.header.kind;
        match (mem::replace(&mut self.state, State::Ended), kind) {
            (State::Fresh(seal), Kind::Bind) => self.bind(seal, fragment),
            (State::Bound(association), Kind::AlterContext) => self.alter(association, fragment),
            (State::Bound(association), Kind::Auth3) => self.take_last_token(association, fragment),
            (State::Bound(association), Kind::Request) => self.request(association, fragment),
            _ => Err(ServerError::Unexpected(kind).silently()),
        }
    }

    fn bind(&mut self, seal: S, fragment: &Fragment<'_>) -> Outcomes<S> {
        let call = fragment.header.call;
        let bind = Bind::parse(fragment.clear_body()?)?;
        let (auth, token) = match fragment.auth {
            Some((auth, token)) if auth.auth_kind().is_some() => (auth, token),
            _ => return Err(ServerError::AuthKind.with_nak(call, BindNak::AUTH_KIND)),
        };
        if !auth.is_private() {
            return Err(ServerError::Unprotected.with_nak(call, BindNak::UNSPECIFIED));
        }
        let ack = self.contexts.ack(&bind, self.port.to_string())?;
        let mut association = Association {
            seal,
            auth: AuthHeader { pad: 0, ..auth },
            signs_headers: fragment.header.flags & HEADER_SIGNING != 0,
            fragment_len_max: ack.send_max,
        };
        let token = self.step(&mut association, token);
        let token = token.map_err(|why| why.with_nak(call, BindNak::UNSPECIFIED))?;
        let auth = Some((association.auth, &token[..]));
        let flags = association.signing_flag();
        self.state = State::Bound(association);
        Ok(Event::Send(write(Kind::BindAck, flags, call, &ack.to_body(), auth)))
    }

    fn alter(&mut self, mut association: Association<S>, fragment: &Fragment<'_>) -> Outcomes<S> {
        let call = fragment.header.call;
        let bind = Bind::parse(fragment.clear_body()?)?;
        let ack = self.contexts.ack(&bind, String::new())?;
        let token = match fragment.auth {
            Some((auth, _)) if !auth.is_of(association.auth) => Err(ServerError::Unprotected),
            Some((_, token)) => self.step(&mut association, token),
            None => Ok(Vec::new()),
        };
        let token = token.map_err(|why| why.with_fault(call, 0, ACCESS_DENIED))?;
        let auth = Some((association.auth, &token[..]));
        // Clients take the last answer for what was agreed.
        let flags = association.signing_flag();
        self.state = State::Bound(association);
        Ok(Event::Send(write(Kind::AlterContextResponse, flags, call, &ack.to_body(), auth)))
    }

    /// The packet that has no answer, so it must be the last to prove anything. [MS-RPCE] 2.2.2.5.
    fn take_last_token(&mut self, mut association: Association<S>, fragment: &Fragment<'_>) -> Outcomes<S> {
        let token = match fragment.auth {
            Some((auth, token)) if auth.is_of(association.auth) => self.step(&mut association, token),
            _ => Err(ServerError::Unprotected),
        };
        match token {
            Ok(token) if token.is_empty() && association.seal.is_complete() => {
                self.state = State::Bound(association);
                Ok(Event::Read)
            }
            Ok(_) => Err(ServerError::Unproved.silently()),
            Err(why) => Err(why.silently()),
        }
    }

    fn step(
        &mut self,
        association: &mut Association<S>,
        token: &[u8],
    ) -> Result<Vec<u8>, ServerError<S::Error>> {
        self.tokens += 1;
        if self.tokens > TOKENS_MAX || association.seal.is_complete() {
            return Err(ServerError::Unproved);
        }
        association.seal.step(token).map_err(ServerError::Seal)
    }

    fn request(&mut self, mut association: Association<S>, fragment: &Fragment<'_>) -> Outcomes<S> {
        let call = fragment.header.call;
        if !association.seal.is_complete() {
            return Err(ServerError::Unproved.with_fault(call, 0, ACCESS_DENIED));
        }
        let (header, part) = association.open(fragment).map_err(|error| match error {
            OpenError::Decode(error) => ServerError::from(error).with_fault(call, 0, PROTOCOL_ERROR),
            OpenError::Unprotected => ServerError::Unprotected.with_fault(call, 0, ACCESS_DENIED),
            OpenError::Seal(error) => ServerError::Seal(error).silently(),
        })?;
        let fault = |why: ServerError<_>, status| why.with_fault(call, header.context, status);
        let Some(&transfer) = self.contexts.accepted.get(&header.context) else {
            return Err(fault(ServerError::Context(header.context), UNKNOWN_INTERFACE));
        };
        if header.method != isdkey::GET_KEY {
            return Err(fault(ServerError::Method(header.method), NO_SUCH_METHOD));
        }
        let stub = self.assembly.take(fragment.header, header, &part);
        let Some(stub) = stub.map_err(|error| fault(error.into(), PROTOCOL_ERROR))? else {
            self.state = State::Bound(association);
            return Ok(Event::Read);
        };
        let parsed = Request::parse(transfer, &stub);
        let (request, rest) = parsed.map_err(|error| fault(error.into(), BAD_STUB_DATA))?;
        let about = About {
            interface: isdkey::INTERFACE,
            transfer: transfer.syntax(),
            call,
            context: header.context,
            method: header.method,
            signs_headers: association.signs_headers,
        };
        trailer::check(rest, &about).map_err(|error| fault(error.into(), ACCESS_DENIED))?;
        self.state = State::Asked(association, call, header.context, transfer);
        Ok(Event::GetKey(request))
    }
}
