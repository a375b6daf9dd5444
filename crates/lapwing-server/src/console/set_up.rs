//! Redeeming a one-time link: password, authenticator and recovery codes in one step, so that nothing is ever half set up.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};
use lapwing_core::secret::Password;
use qrcodegen::{QrCode, QrCodeEcc};

use super::{
    cookie::{Cookie, Token},
    link::{self, Code, RECOVERY_CODES},
    page::{self, Shell, incomplete},
    visit::Visit,
};
use crate::{
    app::record,
    http::fault::Fault,
    keys::{envelope::Binding, totp::TotpSecret},
    os,
    rules::{
        audit::{Activity, Actor},
        operator::{OperatorName, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN, password_fault},
    },
    store::FinishSetUp,
};

const ISSUER: &str = "Lapwing";
/// The quiet zone around a QR code, in modules. ISO/IEC 18004 section 6.3.8.
const QUIET: i32 = 4;

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    shell: Shell,
    error: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage<'a> {
    shell: Shell,
    error: Option<&'static str>,
    code: &'a str,
    operator: OperatorName,
    secret: String,
    qr: Qr,
}

#[derive(Template)]
#[template(path = "recovery.html")]
struct RecoveryPage<'a> {
    shell: Shell,
    codes: Vec<&'a str>,
}

/// Spends nothing: programs that look at links before people do no harm.
pub(super) async fn form(visit: Visit) -> Result<Response, Fault> {
    let code = visit.query.get("code").unwrap_or_default();
    let secret = TotpSecret::generate(&mut os::rng());
    match operator(&visit, code).await? {
        Some(operator) => set_up_page(&visit, operator, code, &secret, None),
        None => code_page(&visit, code),
    }
}

async fn operator(visit: &Visit, code: &str) -> Result<Option<OperatorName>, Fault> {
    if code.is_empty() {
        return Ok(None);
    }
    visit.app.rates.take_sign_in(visit.context.peer.address, None)?;
    Ok(visit.app.store.link(&link::sha256_of(code), visit.context.at).await?)
}

fn code_page(visit: &Visit, code: &str) -> Result<Response, Fault> {
    let error =
        (!code.is_empty()).then_some("This code is unknown, was used, or has ended. Ask for another one.");
    let status = if error.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    page::render(status, &CodePage { shell: visit.shell("Set up sign-in"), error })
}

fn set_up_page(
    visit: &Visit,
    operator: OperatorName,
    code: &str,
    secret: &TotpSecret,
    error: Option<&'static str>,
) -> Result<Response, Fault> {
    let uri = secret.expose_uri(ISSUER, operator.as_str());
    let qr = QrCode::encode_text(&uri, QrCodeEcc::Medium).map_err(|_| Fault::unavailable())?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = SetUpPage {
        shell: visit.shell("Set up sign-in"),
        error,
        code,
        operator,
        secret: (*secret.expose_base32()).clone(),
        qr: Qr::new(&qr),
    };
    page::render(status, &page)
}

pub(super) async fn submit(visit: Visit) -> Result<Response, Fault> {
    let field = |name: &str| visit.form.get(name).unwrap_or_default();
    let code = field("link");
    let Some(operator) = operator(&visit, code).await? else { return code_page(&visit, code) };
    // Drawn by this server; a browser that sends another one deceives only its own user, who sees it anyway.
    let secret = TotpSecret::from_base32(field("secret")).ok_or_else(incomplete)?;
    let password = Password::new(field("password").to_owned());
    let fault = if password.expose_secret() == field("again") {
        password_fault(password.expose_secret(), operator)
    } else {
        Some("The two passwords differ.")
    };
    let step = secret.step_of(field("code"), visit.context.at);
    let fault = fault.or_else(|| {
        step.is_none().then_some("The code from the authenticator is wrong. Are the clocks of both right?")
    });
    if let Some(fault) = fault {
        return set_up_page(&visit, operator, code, &secret, Some(fault));
    }
    finish(&visit, operator, password, &secret, step.unwrap_or_default()).await
}

async fn finish(
    visit: &Visit,
    operator: OperatorName,
    password: Password,
    secret: &TotpSecret,
    step: u64,
) -> Result<Response, Fault> {
    let app = &visit.app;
    let password = app.hasher.hash(password, &mut os::rng()).await.map_err(|_| Fault::unavailable())??;
    let binding = Binding::Totp { tenant: app.meta.tenant, operator };
    let codes: Vec<Code> = (0..RECOVERY_CODES).map(|_| Code::draw_recovery(&mut os::rng())).collect();
    let token = Token::generate(&mut os::rng());
    let change = FinishSetUp {
        operator,
        code: link::sha256_of(visit.form.get("link").unwrap_or_default()),
        password,
        totp: app.keys.kek.wrap(secret.expose_secret(), binding)?,
        step,
        recovery_codes: codes.iter().map(|code| code.sha256).collect(),
        token: token.sha256(),
        record: record(
            visit.context.at,
            Actor::Operator(operator),
            Activity::SetUpOperator,
            operator.as_str(),
        ),
    };
    if !app.store.change(change).await? {
        // Somebody was faster with the same link.
        return code_page(visit, "spent");
    }
    let codes = codes.iter().map(|code| code.text.expose_secret()).collect();
    let mut response = visit.page(&RecoveryPage { shell: visit.shell("Recovery codes"), codes })?;
    response.headers_mut().append(header::SET_COOKIE, Cookie::Session.set(&token)?);
    Ok(response)
}

/// A QR code as one path in units of modules.
struct Qr {
    size: i32,
    path: String,
}

impl Qr {
    fn new(code: &QrCode) -> Self {
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|&x| code.get_module(x, y)) {
                path.push_str(&format!("M{},{}h1v1h-1z", x + QUIET, y + QUIET));
            }
        }
        Self { size: code.size() + 2 * QUIET, path }
    }
}
