//! Enrolment of Windows devices: what a join does, in the words of [MS-MDE2]. docs/protocol.md, "Enrolment of Windows
//! devices". Not verified live.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_core::{management::CERTIFICATE_LIFE, secret::SecretBytes, types::TenantId};
use lapwing_proto::{
    mde2::{
        self, Answer, AuthPolicy, Body, CertificatePolicy, Credential, DeviceError, Discover, Discovered,
        Enrol, Issued, Provisioning, RequestKind, Step, Subcode,
    },
    register::{ENROLMENT_SECRET_LEN, EnrolmentToken},
};

use super::provisioning::{self, RENEW_DAYS};
use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    keys::authority::DeviceLife,
    register::{
        certificate_request::{self, CertificateRequestError},
        join::{self, Joined, Joining, sha256},
        renewal::Renewing,
    },
    rules::audit::{Activity, Actor},
};

/// The version of the protocol whose answers these are.
const VERSION: &str = "4.0";
/// What devices that enrol here call their system, as Entra ID has it.
const OS: &str = "Windows";
/// How long a device may take the answer to be new, in seconds.
const ANSWER_LIFE: core::time::Duration = core::time::Duration::from_secs(300);

/// Where people give an enrolment token to a device.
pub(crate) const PAGE: &str = "/EnrollmentServer/Auth";
const POLICY: &str = "/EnrollmentServer/Policy.svc";
const ENROLMENT: &str = "/EnrollmentServer/Enrollment.svc";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        // A device asks whether there is a server at all, before it says anything. [MS-MDE2] 3.1.
        .route("/enrollmentserver/discovery.svc", service(Step::Discover).get(async || StatusCode::OK))
        .route("/enrollmentserver/policy.svc", service(Step::Policy))
        .route("/enrollmentserver/enrollment.svc", service(Step::Enrol))
}

fn service(step: Step) -> MethodRouter<Arc<App>> {
    post(async move |State(app): State<Arc<App>>, Extension(context): Extension<Context>, body: Bytes| {
        respond(&app, &context, step, &body).await
    })
}

/// Answers one request; a refusal is an answer too, with the status of one, for devices read its body then for certain.
async fn respond(app: &App, context: &Context, step: Step, body: &[u8]) -> Response {
    let request = mde2::decode(body);
    let message_id = request.as_ref().ok().map(|request| request.message_id.clone());
    let answer = match request {
        Ok(request) => answer(app, context, step, request).await,
        Err(error) => Err(fault(Subcode::MessageFormat, error.to_string())),
    };
    let answer = answer.unwrap_or_else(|fault| Answer::Fault(step, fault));
    let body = mde2::encode(&answer, message_id.as_deref(), context.request_id);
    ([(header::CONTENT_TYPE, mde2::MEDIA_TYPE)], body).into_response()
}

async fn answer(
    app: &App,
    context: &Context,
    step: Step,
    request: mde2::Request,
) -> Result<Answer, mde2::Fault> {
    let credential = request.credential.as_ref();
    match (step, request.body) {
        (Step::Discover, Body::Discover(device)) => discover(app, &device).map(Answer::Discovered),
        (Step::Policy, Body::Policy) => {
            check(app, context, credential).await?;
            Ok(Answer::Policy(CertificatePolicy {
                name: app.meta.tenant_name.clone(),
                validity_seconds: CERTIFICATE_LIFE.as_secs(),
                renewal_seconds: u64::from(RENEW_DAYS) * 86_400,
            }))
        }
        (Step::Enrol, Body::Enrol(device)) => enrol(app, context, credential, &device).await,
        (_, Body::Discover(_) | Body::Policy | Body::Enrol(_)) => {
            Err(fault(Subcode::MessageFormat, "the request is not one for this address"))
        }
    }
}

/// A page can say what is to be typed, so it comes before a field for a password.
fn discover(app: &App, device: &Discover) -> Result<Discovered, mde2::Fault> {
    let offers = |policy| device.auth_policies.contains(&policy);
    let auth_policy = if offers(AuthPolicy::Federated) {
        AuthPolicy::Federated
    } else if offers(AuthPolicy::OnPremise) || device.auth_policies.is_empty() {
        AuthPolicy::OnPremise
    } else {
        let detail = Some(DeviceError::NotSupported);
        return Err(mde2::Fault { detail, ..fault(Subcode::Authentication, "neither password nor page") });
    };
    let at = |path: &str| format!("{}{path}", app.url);
    // Where a renewal, too, can show its certificate: devices remember the address of their enrolment for that.
    let of_devices = |path: &str| format!("{}{path}", app.device_url);
    Ok(Discovered {
        auth_policy,
        version: VERSION.to_owned(),
        policy_url: of_devices(POLICY),
        enrolment_url: of_devices(ENROLMENT),
        authentication_url: (auth_policy == AuthPolicy::Federated).then(|| at(PAGE)),
    })
}

async fn enrol(
    app: &App,
    context: &Context,
    credential: Option<&Credential>,
    device: &Enrol,
) -> Result<Answer, mde2::Fault> {
    if device.kind == RequestKind::Renewal {
        return renew(app, context, device).await;
    }
    let secret_sha256 = check(app, context, credential).await?;
    let request = certificate_request::parse(&device.request)
        .map_err(|error| fault(Subcode::CertificateRequest, error.to_string()))?;
    let spki = request.certification_request_info.subject_pki.raw;
    let context_of = |name| device.context(name).unwrap_or_default();
    let names = [context_of("DeviceName"), OS, context_of("OSVersion")];
    // A device whose answer was lost repeats itself.
    let joining = Joining {
        secret_sha256,
        device: join::new_device(names, spki),
        reuse: true,
        life: DeviceLife::Renewed,
    };
    let Joined { device: id, certificate } = join::admit(app, context, joining, spki).await?;
    let user = match credential {
        Some(Credential::Password { user, .. }) => Some(user.clone()),
        Some(Credential::UserToken(_) | Credential::EntraToken(_)) | None => None,
    };
    Ok(issued(context, provisioning::of(app, id, &certificate, device, user)))
}

fn issued(context: &Context, provisioning: Provisioning) -> Answer {
    let expires = context.at.saturating_add(ANSWER_LIFE);
    Answer::Issued(Box::new(Issued { provisioning, created: context.at, expires }))
}

/// The next certificate, by the one that the device shows in TLS: nobody is there to type anything. [MS-MDE2] 3.5.
async fn renew(app: &App, context: &Context, device: &Enrol) -> Result<Answer, mde2::Fault> {
    let renewing = Renewing::of(app, context).await.map_err(|found| {
        if found.status() != StatusCode::UNAUTHORIZED {
            return found.into();
        }
        let detail = Some(DeviceError::NotEligibleToRenew);
        mde2::Fault { detail, ..fault(Subcode::CertificateRequest, "enrol the device anew") }
    })?;
    let malformed = |error: CertificateRequestError| fault(Subcode::CertificateRequest, error.to_string());
    let request = certificate_request::signed_content(&device.request).map_err(malformed)?;
    let request = certificate_request::parse(request).map_err(malformed)?;
    let spki = request.certification_request_info.subject_pki.raw;
    let certificate = renewing.issue(app, context, spki).await.map_err(|found| {
        let is_known = found.status() == StatusCode::BAD_REQUEST;
        if is_known { fault(Subcode::CertificateRequest, found.message()) } else { found.into() }
    })?;
    Ok(issued(context, provisioning::of(app, renewing.old.device, &certificate, device, None)))
}

/// The digest of a good enrolment token's secret. A password is asked for again at once if it is wrong, so this is seen to
/// before a token is spent too.
async fn check(
    app: &App,
    context: &Context,
    credential: Option<&Credential>,
) -> Result<[u8; 32], mde2::Fault> {
    let typed = match credential {
        Some(Credential::Password { password: typed, .. } | Credential::UserToken(typed)) => Some(typed),
        Some(Credential::EntraToken(_)) => None,
        None => return Err(fault(Subcode::InvalidSecurity, "the request has neither password nor token")),
    };
    let secret = typed.and_then(|typed| typed_secret(app.meta.tenant, typed.expose_secret()));
    let secret_sha256 = secret.map(|secret| sha256(secret.expose_secret()));
    if let Some(secret_sha256) = secret_sha256
        && app.store.knows_token(&secret_sha256, context.at).await.map_err(Fault::from)?
    {
        return Ok(secret_sha256);
    }
    let fault = join::token_refused();
    Err(app.refuse(context.at, Actor::Anonymous, Activity::JoinDevice, "", fault).await.into())
}

/// The secret in what somebody has typed: a whole enrolment token of this tenant, or its secret alone, for a field for
/// passwords is too short for the whole. None if it is neither.
pub(crate) fn typed_secret(tenant: TenantId, typed: &str) -> Option<SecretBytes> {
    if let Ok(token) = typed.parse::<EnrolmentToken>() {
        return (token.tenant == tenant).then_some(token.secret);
    }
    let secret = SecretBytes::new(URL_SAFE_NO_PAD.decode(typed.trim()).ok()?);
    (secret.expose_secret().len() == ENROLMENT_SECRET_LEN).then_some(secret)
}

fn fault(subcode: Subcode, reason: impl Into<String>) -> mde2::Fault {
    mde2::Fault { subcode, reason: reason.into(), detail: None }
}

/// What goes wrong in a join, as a device is told it here.
impl From<Fault> for mde2::Fault {
    fn from(found: Fault) -> Self {
        if found.status() == StatusCode::UNAUTHORIZED {
            fault(Subcode::Authentication, found.message())
        } else {
            let detail = Some(DeviceError::InMaintenance);
            Self { detail, ..fault(Subcode::EnrollmentServer, found.message()) }
        }
    }
}
