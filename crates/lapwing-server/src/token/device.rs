//! A device's token by its certificate. [MS-OAPXBC] 3.2.5.1.2; every check of a server.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::{
    jwt,
    register::{DEVICE_TOKEN_GRANT, DeviceTokenAnswer, DeviceTokenClaims},
};

use super::{TOKEN_SECONDS, bearer};
use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    keys::signing::verify_rs256,
    register::device_certificate,
    rules::audit::{Activity, Actor},
};

fn invalid(message: &str, number: u32) -> Fault {
    Fault::bad_request(message).with_oauth("invalid_grant", number)
}

pub(super) async fn token(app: &App, context: &Context, request: &str) -> Result<DeviceTokenAnswer, Fault> {
    let malformed = || invalid("The device token request is malformed.", 5_000_224);
    let compact = jwt::split::<DeviceTokenClaims>(request).map_err(|_| malformed())?;
    let leaf = compact.header.x5c.as_ref().and_then(|chain| chain.leaf()).ok_or_else(malformed)?;
    let leaf = STANDARD.decode(leaf).map_err(|_| malformed())?;
    let certificate = device_certificate::parse(app, &leaf)
        .map_err(|_| invalid("The device certificate is not one of this tenant.", 50_155))?;
    let claims = verify_rs256(compact, &certificate.public_key)
        .map_err(|_| invalid("The signature of the request is wrong.", 50_013))?;
    if claims.grant_type != DEVICE_TOKEN_GRANT {
        return Err(super::unsupported_grant());
    }
    if claims.resource != app.origin.resource() {
        return Err(Fault::bad_request("The resource is not one of this server.")
            .with_oauth("invalid_resource", 500_011));
    }
    // Last of the checks without the database: only a valid signature uses up a nonce.
    app.nonces
        .redeem(&claims.request_nonce, context.at)
        .map_err(|_| invalid("The nonce is unknown, has expired or was used.", 5_000_611))?;
    // After the signature: only who has the key makes use of the certificate.
    let judged = device_certificate::judge(app, certificate, context.at).await?;
    let certificate = judged.for_everything(app, context.at).await.map_err(|fault| {
        if fault.status().is_client_error() { invalid(fault.message(), 50_155) } else { fault }
    })?;
    let device = app.store.device(certificate.device).await?;
    let Some(device) = device.filter(|device| device.enabled && !device.is_deleted) else {
        let fault = invalid("The device is unknown or disabled.", 50_155);
        let actor = Actor::Device(certificate.device);
        let target = certificate.device.to_string();
        return Err(app.refuse(context.at, actor, Activity::RefuseRequest, &target, fault).await);
    };
    let issued = bearer::issue_device(app, context.at, &device, &claims.client_id)?;
    Ok(DeviceTokenAnswer {
        token_type: "Bearer".to_owned(),
        expires_in: TOKEN_SECONDS.to_string(),
        ext_expires_in: TOKEN_SECONDS.to_string(),
        expires_on: issued.expires_on.to_string(),
        resource: claims.resource,
        access_token: issued.token,
    })
}
