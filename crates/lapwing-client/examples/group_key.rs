//! Asks for a group key, or answers whoever asks: what the end-to-end tests run inside hosts, and of use by hand. There is no key
//! in it: the answer is what was asked, turned round.
//!
//! `group_key ask [--keytab FILE] [--as tickets | --as PRINCIPAL] [--kds NAME:PORT]…` asks as the machine, as whoever the tickets are
//! of, or as somebody whose password is on the standard input, and writes lines of `name value`: `envelope`, or `error`, `result`
//! and `next`.
//!
//! `group_key serve PORT KEYTAB [ADDRESS]` answers at this port, and with an address as the endpoint mapper too. It writes
//! `ready` and then for each call the `caller`, how many bytes of `logon` information there are, and `ended` with the reason
//! where a connection did not end well.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use core::{error::Error, fmt, net::Ipv4Addr};
use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
};

use lapwing_client::ad::{
    Acceptor, Connector, Credentials, KdcPin, KeyService, Limits, Protection, SecurityContext, Source,
};
use lapwing_core::{
    event::Hresult,
    secret::{Password, SecretBytes},
};
use lapwing_dpapi::rpc::{Answer, Event, Mapper, Server, epm, isdkey::Request};
use lapwing_proto::ad::dns::DnsName;

/// What is asked for: the machine knows no more of it than the service.
const DESCRIPTOR: &[u8] = b"whoever asks";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ask", options @ ..] => ask(options),
        ["serve", port, keytab, rest @ ..] => {
            let address = rest.first().map(|address| address.parse()).transpose()?;
            serve(port.parse()?, Path::new(keytab), address)
        }
        _ => Err("group_key ask | serve PORT KEYTAB [ADDRESS]".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn ask(options: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let (mut keytab, mut kds) = (PathBuf::from("/etc/krb5.keytab"), Vec::<KeyService>::new());
    let mut person = None;
    for option in options.chunks(2) {
        match option {
            ["--as", value] => person = Some((*value).to_owned()),
            ["--keytab", value] => keytab = value.into(),
            ["--kds", value] => kds.push(value.parse()?),
            _ => return Err(format!("{option:?} is no option").into()),
        }
    }
    let (credentials, machine) = Credentials::machine(&keytab)?;
    let credentials = match person.as_deref() {
        None => credentials,
        Some("tickets") => Credentials::Tickets,
        Some(principal) => {
            let password = Arc::new(Password::new(io::read_to_string(io::stdin())?));
            Credentials::Password { principal: principal.to_owned(), password }
        }
    };
    let domain = DnsName::parse(&machine.domain())?;
    let source = Source { domain, site: None, controllers: Vec::new(), host: "example".to_owned() };
    let pin = KdcPin::of_this_process();
    let mut connector = Connector { source, protection: Protection::Sealed, limits: Limits::default(), pin };
    let request = Request { descriptor: DESCRIPTOR.to_vec(), root_key: None, interval: [-1; 3] };
    match connector.group_key(&credentials, &kds, &request, 0).await {
        Ok(envelope) => println!("envelope {}", String::from_utf8_lossy(envelope.expose_secret())),
        Err(error) => {
            println!("error {error}");
            if let Some(result) = error.result() {
                println!("result {result}");
            }
            println!("next {}", error.next_step());
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(port: u16, keytab: &Path, address: Option<Ipv4Addr>) -> Result<ExitCode, Box<dyn Error>> {
    let acceptor = Acceptor::from_keytab(keytab)?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    if let Some(address) = address {
        let mapper = TcpListener::bind((Ipv4Addr::UNSPECIFIED, epm::PORT))?;
        thread::spawn(move || {
            mapper.incoming().flatten().for_each(|stream| tell(map(stream, address, port)));
        });
    }
    println!("ready");
    listener.incoming().flatten().for_each(|stream| tell(give(stream, acceptor.accept(), port)));
    Ok(ExitCode::SUCCESS)
}

fn tell(outcome: Result<(), Box<dyn Error>>) {
    if let Err(error) = outcome {
        println!("ended {error}");
    }
}

fn ended<E: fmt::Debug>(
    stream: &mut TcpStream,
    last_words: Option<&[u8]>,
    why: &E,
) -> Result<(), Box<dyn Error>> {
    stream.write_all(last_words.unwrap_or_default())?;
    Err(format!("{why:?}").into())
}

fn map(mut stream: TcpStream, address: Ipv4Addr, port: u16) -> Result<(), Box<dyn Error>> {
    let mut mapper = Mapper::begin(address, port);
    let mut buffer = [0; 4096];
    loop {
        let len = stream.read(&mut buffer)?;
        match mapper.receive(buffer.get(..len).unwrap_or_default()) {
            _ if len == 0 => return Ok(()),
            Ok(answer) => stream.write_all(&answer.unwrap_or_default())?,
            Err(end) => return ended(&mut stream, end.last_words.as_deref(), &end.why),
        }
    }
}

fn give(mut stream: TcpStream, context: SecurityContext, port: u16) -> Result<(), Box<dyn Error>> {
    let mut server = Server::begin(context, port);
    let mut buffer = [0; 4096];
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        match server.receive(buffer.get(..len).unwrap_or_default()) {
            Ok(Event::Read) => {}
            Ok(Event::Send(bytes)) => stream.write_all(&bytes)?,
            Ok(Event::GetKey(request)) => {
                let caller = server.seal().map(SecurityContext::caller).transpose()?.flatten();
                let caller = caller.ok_or("a call of nobody")?;
                println!("caller {}", caller.principal);
                println!("logon {}", caller.logon_info.map_or(0, |info| info.len()));
                let answer = server.answer(&turned(request)).map_err(|end| end.why)?;
                stream.write_all(&answer)?;
            }
            Err(end) => return ended(&mut stream, end.last_words.as_deref(), &end.why),
        }
    }
}

/// The descriptor turned round; nothing for one who asks for a root key.
fn turned(Request { mut descriptor, root_key, .. }: Request) -> Answer {
    descriptor.reverse();
    match root_key {
        None => Answer::Envelope(SecretBytes::new(descriptor)),
        Some(_) => Answer::Refused(Hresult::NO_KEY),
    }
}
