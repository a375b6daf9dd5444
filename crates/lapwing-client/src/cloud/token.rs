//! The device's token as itself: a challenge, then a signed request. [MS-OAPXBC].

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::Method;
use lapwing_proto::{
    json::JsonError,
    jwt::{self, CertificateChain, Header},
    register::{
        ChallengeAnswer, DeviceTokenAnswer, DeviceTokenClaims, JWT_BEARER_GRANT, SRV_CHALLENGE_GRANT,
    },
    secret_text::SecretText,
};

use super::{Directory, wire};
use crate::{
    caller::{Call, Caller},
    identity::Identity,
    refusal::{CallError, MalformedAnswer},
};

pub(super) async fn device_token(
    caller: &mut Caller,
    identity: &Identity,
    directory: &Directory,
) -> Result<SecretText, CallError> {
    let challenge = Call::new("give a challenge", Method::POST, &directory.token)
        .form(&[("grant_type", SRV_CHALLENGE_GRANT)]);
    let ChallengeAnswer { nonce } = caller.read(challenge).await?;
    let request = signed_request(identity, directory, &nonce)?;
    let call = Call::new("give a device token", Method::POST, &directory.token).form(&[
        ("windows_api_version", wire::WINDOWS_API_VERSION),
        ("grant_type", JWT_BEARER_GRANT),
        ("request", &request),
    ]);
    let answer: DeviceTokenAnswer = caller.read(call).await?;
    Ok(answer.access_token)
}

fn signed_request(identity: &Identity, directory: &Directory, nonce: &str) -> Result<String, CallError> {
    let header = Header {
        alg: "RS256".to_owned(),
        typ: Some("JWT".to_owned()),
        kid: None,
        x5c: Some(CertificateChain::Many(vec![STANDARD.encode(&identity.certificate)])),
    };
    let claims = DeviceTokenClaims::new(&directory.audience, nonce, wire::DEVICE_TYPE);
    let input = jwt::signing_input(&header, &claims).map_err(|error| CallError::Malformed {
        peer: directory.token.authority(),
        what: "give a challenge",
        source: MalformedAnswer::Json(JsonError::from(error)),
    })?;
    Ok(jwt::join(&input, &identity.key.sign(input.as_bytes())?))
}
