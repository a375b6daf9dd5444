//! The console: pages for people, readable without scripts. docs/console.md.
//!
//! INVARIANT: every page for operators has a row in [`ROUTES`], which says who may have it; what has no row does not exist.

mod account;
mod assets;
mod audit;
mod bulk;
mod chart;
mod clients;
mod cookie;
mod device;
mod device_policy;
mod enrolment;
mod fleet;
mod flow;
mod gate;
mod group;
pub(crate) mod link;
mod operators;
mod page;
mod passkey;
mod phonetic;
mod policy;
mod reveal;
mod rotation;
mod second_factor;
mod set_up;
mod sign_in;
#[cfg(test)]
mod tests;
mod visit;
mod windows;

use core::pin::Pin;
use std::sync::Arc;

use axum::{
    Router,
    extract::{RawPathParams, Request, State},
    response::Response,
    routing::{MethodFilter, on},
};

pub(crate) use self::page::fault_page;
use self::visit::Visit;
use crate::{app::App, http::fault::Fault, rules::access::Act};

/// What every answer of the console carries: only what this server serves is loaded, run, sent to or framed.
pub(crate) const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("x-frame-options", "DENY"),
];

/// Who may have a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anyone,
    /// Who gave the right password, and nothing yet for a second factor.
    Half,
    /// Every operator with both.
    SignedIn,
    /// An operator whose roles allow it.
    May(Act),
}

/// What else a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terms {
    Plain,
    /// Asked for by the page itself: it does not keep a session awake.
    Live,
    /// Only with a second factor of the last minutes.
    Fresh,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response, Fault>> + Send>>;

/// A row of the table.
struct Route {
    method: MethodFilter,
    path: &'static str,
    who: Who,
    terms: Terms,
    answer: fn(Visit) -> Answering,
}

macro_rules! routes {
    ($($method:ident $path:literal $who:expr, $terms:ident, $answer:path;)+) => {
        &[$(Route {
            method: MethodFilter::$method,
            path: $path,
            who: $who,
            terms: Terms::$terms,
            answer: |visit| Box::pin($answer(visit)),
        }),+]
    };
}

use Who::{Anyone, Half, May, SignedIn};

/// Everything that the console answers to.
static ROUTES: &[Route] = routes! {
    GET "/console" SignedIn, Plain, account::home;
    GET "/console/assets/{name}" Anyone, Plain, assets::get;
    GET "/console/sign-in" Anyone, Plain, sign_in::form;
    POST "/console/sign-in" Anyone, Plain, sign_in::submit;
    GET "/console/second-factor" Half, Plain, second_factor::form;
    POST "/console/second-factor" Half, Plain, second_factor::submit;
    POST "/console/second-factor/passkey" Half, Plain, passkey::ask;
    GET "/console/set-up" Anyone, Plain, set_up::form;
    POST "/console/set-up" Anyone, Plain, set_up::submit;
    POST "/console/sign-out" SignedIn, Plain, account::sign_out;
    GET "/console/account" SignedIn, Plain, account::page;
    POST "/console/account/sign-out" SignedIn, Plain, account::sign_out_everywhere;
    POST "/console/account/set-up" SignedIn, Fresh, account::set_up;
    POST "/console/account/ask" SignedIn, Plain, passkey::ask;
    POST "/console/account/passkeys" SignedIn, Fresh, passkey::add;
    POST "/console/account/passkeys/delete" SignedIn, Fresh, passkey::delete;
    GET "/console/fleet" May(Act::ReadManagedDevices), Plain, fleet::page;
    GET "/console/fleet/numbers" May(Act::ReadManagedDevices), Live, fleet::numbers;
    GET "/console/devices/{id}" May(Act::ReadManagedDevices), Plain, device::page;
    GET "/console/devices/{id}/rotations" May(Act::ReadManagedDevices), Live, rotation::list;
    POST "/console/devices/{id}/rotations" May(Act::Rotate), Plain, rotation::rotate;
    POST "/console/devices/{id}/rotations/{action}/cancel" May(Act::Rotate), Plain, rotation::cancel;
    GET "/console/rotations/{id}" May(Act::ReadManagedDevices), Plain, flow::page;
    GET "/console/rotations/{id}/way" May(Act::ReadManagedDevices), Live, flow::way;
    POST "/console/devices/{id}/enabled" May(Act::Administer), Plain, device::enable;
    POST "/console/devices/{id}/tags" May(Act::WriteConfiguration), Plain, device_policy::tag;
    GET "/console/devices/{id}/reveal" May(Act::ReadManagedDevices), Plain, reveal::back;
    POST "/console/devices/{id}/reveal" May(Act::ReadPassword), Fresh, reveal::reveal;
    GET "/console/policies" May(Act::ReadConfiguration), Plain, policy::list;
    POST "/console/policies" May(Act::WriteConfiguration), Plain, policy::create;
    GET "/console/policies/new" May(Act::WriteConfiguration), Plain, policy::new;
    POST "/console/policies/check" May(Act::WriteConfiguration), Plain, policy::check;
    GET "/console/policies/conflicts" May(Act::ReadConfiguration), Plain, policy::conflicts;
    GET "/console/policies/{id}" May(Act::ReadConfiguration), Plain, policy::page;
    GET "/console/policies/{id}/standings" May(Act::ReadConfiguration), Live, policy::standings;
    GET "/console/policies/{id}/devices" May(Act::ReadConfiguration), Plain, policy::devices;
    GET "/console/policies/{id}/edit" May(Act::WriteConfiguration), Plain, policy::edit;
    POST "/console/policies/{id}/edit" May(Act::WriteConfiguration), Plain, policy::change;
    POST "/console/policies/{id}/restore" May(Act::WriteConfiguration), Plain, policy::restore;
    POST "/console/policies/{id}/assign" May(Act::WriteConfiguration), Plain, policy::assign;
    POST "/console/policies/{id}/delete" May(Act::WriteConfiguration), Plain, policy::delete;
    GET "/console/groups" May(Act::ReadConfiguration), Plain, group::list;
    POST "/console/groups" May(Act::WriteConfiguration), Plain, group::create;
    GET "/console/groups/new" May(Act::WriteConfiguration), Plain, group::new;
    POST "/console/groups/check" May(Act::WriteConfiguration), Plain, group::check;
    GET "/console/groups/{id}" May(Act::ReadConfiguration), Plain, group::page;
    GET "/console/groups/{id}/edit" May(Act::WriteConfiguration), Plain, group::edit;
    POST "/console/groups/{id}/edit" May(Act::WriteConfiguration), Plain, group::change;
    POST "/console/groups/{id}/delete" May(Act::WriteConfiguration), Plain, group::delete;
    // What begins or goes on needs a fresh second factor; what holds it up must not wait for one.
    GET "/console/bulk" May(Act::BulkRotate), Plain, bulk::list;
    POST "/console/bulk" May(Act::BulkRotate), Fresh, bulk::begin;
    POST "/console/bulk/plan" May(Act::BulkRotate), Plain, bulk::plan;
    POST "/console/bulk/check" May(Act::BulkRotate), Plain, bulk::check;
    GET "/console/bulk/{id}" May(Act::BulkRotate), Plain, bulk::page;
    GET "/console/bulk/{id}/progress" May(Act::BulkRotate), Live, bulk::progress;
    GET "/console/bulk/{id}/report.csv" May(Act::BulkRotate), Plain, bulk::report_csv;
    GET "/console/bulk/{id}/report.json" May(Act::BulkRotate), Plain, bulk::report_json;
    POST "/console/bulk/{id}/pause" May(Act::BulkRotate), Plain, bulk::pause;
    POST "/console/bulk/{id}/resume" May(Act::BulkRotate), Fresh, bulk::resume;
    POST "/console/bulk/{id}/cancel" May(Act::BulkRotate), Plain, bulk::cancel;
    GET "/console/audit" May(Act::ReadAudit), Plain, audit::page;
    POST "/console/audit/verify" May(Act::ReadAudit), Plain, audit::verify;
    GET "/console/operators" May(Act::Administer), Plain, operators::list;
    POST "/console/operators" May(Act::Administer), Fresh, operators::create;
    GET "/console/operators/{name}" May(Act::Administer), Plain, operators::page;
    POST "/console/operators/{name}/roles" May(Act::Administer), Fresh, operators::set_roles;
    POST "/console/operators/{name}/enabled" May(Act::Administer), Fresh, operators::enable;
    POST "/console/operators/{name}/reset" May(Act::Administer), Fresh, operators::reset;
    POST "/console/operators/{name}/delete" May(Act::Administer), Fresh, operators::delete;
    GET "/console/enrolment" May(Act::Administer), Plain, enrolment::page;
    POST "/console/enrolment" May(Act::Administer), Plain, enrolment::create;
    POST "/console/enrolment/{id}/delete" May(Act::Administer), Plain, enrolment::delete;
    GET "/console/clients" May(Act::Administer), Plain, clients::page;
    POST "/console/clients" May(Act::Administer), Fresh, clients::create;
    POST "/console/clients/{id}/delete" May(Act::Administer), Fresh, clients::delete;
};

pub(crate) fn routes() -> Router<Arc<App>> {
    ROUTES.iter().fold(windows::routes(), |router, route| {
        let handler = async move |State(app): State<Arc<App>>, params: RawPathParams, request: Request| {
            gate::answer(app, route, &params, request).await
        };
        router.route(route.path, on(route.method, handler))
    })
}
