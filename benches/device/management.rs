//! A session with the management server, by the agent's client.

use anyhow::{Result, ensure};
use lapwing_client::{
    identity::Identity,
    mdm::{Cause, Channel, Done, Session, Start, Work},
    transport::Limits,
};
use lapwing_proto::{
    management::{ActionReport, DeviceInfo},
    syncml::SessionId,
};

/// One over a fresh connection, in which `perform` does what the server asks for, and which the server hears all reports in.
pub(crate) async fn session(
    identity: &Identity,
    endpoint: &str,
    number: u16,
    cause: Cause,
    reports: Vec<ActionReport>,
    mut perform: impl FnMut(&Work) -> Done,
) -> Result<()> {
    let (told, mut heard) = (reports.len(), 0);
    let start = Start {
        id: SessionId::number(number),
        server: endpoint.parse()?,
        device: DeviceInfo {
            device: identity.settings.device,
            manufacturer: "Lapwing".to_owned(),
            model: "Linux".to_owned(),
            language: "en-US".to_owned(),
        },
        cause,
        reports,
    };
    let mut channel = Channel::new(identity, endpoint.parse()?, Limits::default())?;
    let (mut session, mut message) = Session::start(start);
    loop {
        let answer = channel.post(message).await?;
        let received = session.receive(answer.expose_secret())?;
        heard += received.reported.iter().filter(|(_, status)| status.is_success()).count();
        let done: Vec<_> = received.work.iter().map(&mut perform).collect();
        match session.reply(&done) {
            Some(next) => message = next,
            None => {
                ensure!(heard == told, "the server heard {heard} of {told} reports");
                return Ok(());
            }
        }
    }
}
