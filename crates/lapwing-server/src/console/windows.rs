//! The page on which Windows lets people give it an enrolment token: it comes back to the enrolment client as the result of a
//! form, as "Federated authentication device enrollment" has it. docs/protocol.md, "Enrolment of Windows devices".
//!
//! It belongs to no session and changes nothing, so its form is taken from wherever it comes, and without a cookie: the
//! views in which Windows shows it are older than what tells the one from the other.

use core::{
    fmt::{self, Display},
    str::FromStr,
};
use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    HEADERS,
    page::{self, Shell},
};
use crate::{
    app::App,
    http::{fault::Fault, form::Form, request::Context},
    mdm::enrolment,
    register::join::sha256,
};

/// The schemes by which the enrolment clients of Windows take a result.
const SCHEMES: [&str; 2] = ["ms-app", "ms-aadj-redir"];
const REST_LEN_MAX: usize = 256;

/// Where an enrolment client waits for its result: an application of the device, and no place of the web.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    scheme: &'static str,
    rest: String,
}

impl FromStr for Waiting {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let found = SCHEMES.into_iter().find_map(|scheme| {
            let rest = text.strip_prefix(scheme)?.strip_prefix("://")?;
            Some(Self { scheme, rest: rest.to_owned() })
        });
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
        found
            .filter(|found| (1..=REST_LEN_MAX).contains(&found.rest.len()) && found.rest.chars().all(is_name))
            .ok_or_else(|| {
                Fault::bad_request("This page is for the enrolment of Windows, which opens it by itself.")
            })
    }
}

impl Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.rest)
    }
}

#[derive(Template)]
#[template(path = "windows.html")]
struct Page {
    shell: Shell,
    error: Option<&'static str>,
    waiting: Waiting,
}

#[derive(Template)]
#[template(path = "windows_result.html")]
struct ResultPage {
    shell: Shell,
    waiting: Waiting,
    token: Zeroizing<String>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/enrollmentserver/auth", get(form).post(submit))
}

async fn form(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Response, Fault> {
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    let waiting = query.get("appru").unwrap_or_default().parse()?;
    page::render(StatusCode::OK, &Page { shell: shell(&app), error: None, waiting })
}

/// Spends nothing: the token is only handed back.
async fn submit(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Context>,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::parse(&body);
    let waiting: Waiting = form.get("appru").unwrap_or_default().parse()?;
    let typed = form.get("token").unwrap_or_default();
    let shell = shell(&app);
    let secret = enrolment::typed_secret(app.meta.tenant, typed);
    let Some(secret) = secret else { return refuse(shell, waiting) };
    if !app.store.knows_token(&sha256(secret.expose_secret()), context.at).await? {
        return refuse(shell, waiting);
    }
    let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.expose_secret()));
    let policy = result_policy(&waiting)?;
    let mut response = page::render(StatusCode::OK, &ResultPage { shell, waiting, token })?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn shell(app: &App) -> Shell {
    Shell { title: "Enrol this device", tenant: app.meta.tenant_name.clone(), ..Shell::default() }
}

fn refuse(shell: Shell, waiting: Waiting) -> Result<Response, Fault> {
    let error = Some("This enrolment token is unknown here, or has ended.");
    page::render(StatusCode::FORBIDDEN, &Page { shell, error, waiting })
}

/// As on every page, but that the form goes to the client that waits, and nowhere else.
fn result_policy(waiting: &Waiting) -> Result<HeaderValue, Fault> {
    let [(_, policy), ..] = HEADERS;
    let policy = policy.replace("form-action 'self'", &format!("form-action {}:", waiting.scheme));
    HeaderValue::from_str(&policy).map_err(|_| Fault::unavailable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_goes_to_an_enrolment_client_and_nowhere_else() {
        for good in ["ms-app://s-1-15-2-1910091885-1573563583", "ms-aadj-redir://auth/drs", "ms-app://a.B_c/"]
        {
            assert_eq!(good.parse::<Waiting>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "ms-app",
            "ms-app:",
            "ms-app://",
            "ms-app:/a",
            "MS-APP://a",
            " ms-app://a",
            "ms-app://a b",
            "ms-app://a?b",
            "ms-app://a#b",
            "ms-app://a@b",
            "ms-app://a:1",
            "ms-app://a\"b",
            "ms-app://ä",
            "ms-apps://a",
            "https://laps.example/",
            "//laps.example/",
            "javascript://a",
            &format!("ms-app://{}", "a".repeat(REST_LEN_MAX + 1)),
        ] {
            assert!(bad.parse::<Waiting>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_page_with_the_result_may_send_it_to_that_client_alone() {
        let waiting = "ms-app://a".parse().unwrap();
        let policy = result_policy(&waiting).unwrap();
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("; form-action ms-app:;"), "{policy}");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
    }
}
