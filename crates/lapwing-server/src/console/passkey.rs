//! Passkeys: asked for in place of a code, added and removed by their owner. They need scripts, as browsers have it.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_core::Rng as _;
use serde::Serialize;

use super::{
    page::incomplete,
    visit::{Session, Visit, see_other},
};
use crate::{
    http::fault::{Fault, Kind},
    keys::passkey::{CHALLENGE_LEN, CREDENTIAL_ID_LEN_MAX, Question},
    os,
    rules::audit::Activity,
    store::{AddPasskey, AskPasskey, DeletePasskey, Proof},
};

/// What the script gives to the browser, for a new passkey as for an answer. Binary members are Base64url.
#[derive(Serialize)]
struct Asked {
    challenge: String,
    host: String,
    name: String,
    /// Those that the operator has.
    passkeys: Vec<String>,
}

/// Draws a question for this session.
pub(super) async fn ask(visit: Visit) -> Result<Response, Fault> {
    let session = visit.session()?;
    let name = session.operator.name;
    let passkeys = visit.app.store.passkeys(name).await?;
    let mut challenge = vec![0; CHALLENGE_LEN];
    os::rng().fill_bytes(&mut challenge);
    let asked = Asked {
        challenge: URL_SAFE_NO_PAD.encode(&challenge),
        host: visit.app.origin.host.clone(),
        name: name.to_string(),
        passkeys: passkeys.iter().map(|passkey| URL_SAFE_NO_PAD.encode(&passkey.id)).collect(),
    };
    visit.app.store.change(AskPasskey { token: session.token.sha256(), challenge }).await?;
    Ok(Json(asked).into_response())
}

/// The parts of what the script put into a form: Base64url, separated by full stops.
fn parts<const N: usize>(text: &str) -> Option<[Vec<u8>; N]> {
    let parts: Option<Vec<Vec<u8>>> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
    parts?.try_into().ok()
}

/// The proof in an answer, if it is one of the operator's passkeys to the question of this session.
pub(super) async fn proof(visit: &Visit, session: &Session, text: &str) -> Result<Option<Proof>, Fault> {
    let Some([id, client_data, data, signature]) = parts(text) else { return Ok(None) };
    let challenge = visit.app.store.challenge(&session.token.sha256()).await?;
    let passkeys = visit.app.store.passkeys(session.operator.name).await?;
    let known = passkeys.iter().find(|passkey| passkey.id == id);
    let question = question(visit, &challenge);
    let counter =
        known.and_then(|passkey| question.verify(&passkey.public_key, &client_data, &data, &signature).ok());
    Ok(counter.map(|counter| Proof::Passkey { id, counter, challenge }))
}

fn question<'a>(visit: &'a Visit, challenge: &'a [u8]) -> Question<'a> {
    Question { origin: &visit.app.url, host: &visit.app.origin.host, challenge }
}

pub(super) async fn add(visit: Visit) -> Result<Response, Fault> {
    let session = visit.session()?;
    let (operator, token) = (session.operator.name, session.token.sha256());
    let [client_data, data, spki] = visit.form.get("made").and_then(parts).ok_or_else(incomplete)?;
    let challenge = visit.app.store.challenge(&token).await?;
    let passkey = question(&visit, &challenge).register(&client_data, &data, &spki);
    let passkey = passkey.map_err(|error| Fault::bad_request(format!("Nothing was added: {error}.")))?;
    let label = match visit.line("label") {
        label if label.is_empty() => "Passkey".to_owned(),
        label => label,
    };
    let mut record = visit.record(Activity::AddPasskey, operator.as_str());
    record.detail.clone_from(&label);
    let change = AddPasskey { operator, token, challenge, passkey, label, record };
    if visit.app.store.change(change).await? {
        Ok(see_other("/console/account"))
    } else {
        Err(Fault::new(Kind::Conflict, "Nothing was added: the passkey is known, or there are too many."))
    }
}

pub(super) async fn delete(visit: Visit) -> Result<Response, Fault> {
    let operator = visit.session()?.operator.name;
    let id = visit.form.get("passkey_id").and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
    let id = id.filter(|id| id.len() <= CREDENTIAL_ID_LEN_MAX).ok_or_else(incomplete)?;
    let record = visit.record(Activity::DeletePasskey, operator.as_str());
    if visit.app.store.change(DeletePasskey { operator, id, record }).await? {
        Ok(see_other("/console/account"))
    } else {
        Err(Fault::not_found("There is no such passkey."))
    }
}
