//! Every row of the table against every role, without a network.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request as HttpRequest, StatusCode, header},
};
use lapwing_core::types::{FileTime, Guid};
use tempfile::TempDir;
use tower_service::Service as _;

use super::{
    cookie::{Cookie, Token},
    *,
};
use crate::{
    app::{Rates, record},
    config::{Limits, Origin},
    data::{Data, Opened},
    http::request::{Context, Peer, Surface},
    keys::operator_password::{Hasher, OperatorHash},
    os,
    rules::{
        access::{Role, may},
        audit::{Activity, Actor},
        operator::OperatorName,
    },
    setup::{Wish, set_up},
    store::{CreateOperator, FinishSetUp, OpenSession, PassSecondFactor, Proof},
    token::nonce::Nonces,
    wake::Lines,
};

mod manage;

const URL: &str = "https://laps.example";
const DENIED: &str = "Your roles do not allow this.";

struct World {
    app: Arc<App>,
    now: FileTime,
    step: u64,
    _folder: TempDir,
}

struct Got {
    status: StatusCode,
    location: String,
    /// Of its content.
    kind: String,
    body: String,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::new(folder.path());
        let wish = Wish { url: URL.to_owned(), tenant_name: "t".to_owned(), certificate: None, key: None };
        set_up(&data, wish).await.unwrap();
        let Opened { meta, keys, store, writer, .. } = data.open().await.unwrap();
        drop(writer.spawn());
        let limits =
            Limits { address_burst: u32::MAX, address_per_second: 1_000_000_000, ..Limits::default() };
        let app = App {
            origin: Origin::parse(URL).unwrap(),
            url: URL.to_owned(),
            device_url: URL.to_owned(),
            meta,
            keys,
            own_authority: true,
            extension: true,
            store,
            nonces: Nonces::new(&mut os::rng()),
            rates: Rates::new(&limits),
            hasher: Hasher::new(&mut os::rng()).unwrap(),
            wake: Arc::new(Lines::new(core::num::NonZero::<u32>::MIN)),
            package_family: None,
            sessions: std::sync::Mutex::default(),
        };
        Self { app: Arc::new(app), now: os::now(), step: 1, _folder: folder }
    }

    /// An operator with these roles, who can sign in.
    async fn operator(&self, name: &str, roles: &[Role]) -> OperatorName {
        let name: OperatorName = name.parse().unwrap();
        let done = |activity| record(self.now, Actor::Local, activity, name.as_str());
        let create = CreateOperator { name, roles: roles.to_vec(), record: done(Activity::CreateOperator) };
        assert!(self.app.store.change(create).await.unwrap());
        let (code, link) = link::draw(name, self.now, Actor::Local, &mut os::rng());
        assert!(self.app.store.change(link).await.unwrap());
        let finish = FinishSetUp {
            operator: name,
            code: code.sha256,
            password: OperatorHash::from_column(String::new()),
            totp: Vec::new(),
            step: 0,
            recovery_codes: Vec::new(),
            token: Token::generate(&mut os::rng()).sha256(),
            record: done(Activity::SetUpOperator),
        };
        assert!(self.app.store.change(finish).await.unwrap());
        name
    }

    async fn half(&self, operator: OperatorName) -> Token {
        let token = Token::generate(&mut os::rng());
        self.app.store.change(OpenSession { operator, token: token.sha256(), at: self.now }).await.unwrap();
        token
    }

    async fn full(&mut self, operator: OperatorName) -> Token {
        let token = self.half(operator).await;
        self.step += 1;
        let proof = Proof::Totp { step: self.step };
        let record = record(self.now, Actor::Operator(operator), Activity::SignIn, "");
        let pass = PassSecondFactor { operator, proof, token: token.sha256(), next_token: None, record };
        assert!(self.app.store.change(pass).await.unwrap());
        token
    }

    async fn send(&self, route: &Route, token: Option<&Token>, form: &str, later: Duration) -> Got {
        let method = if route.method == MethodFilter::POST { Method::POST } else { Method::GET };
        let path =
            route.path.replace("{id}", &Guid::from_bytes([7; 16]).to_string()).replace("{name}", "nobody");
        self.ask(method, &path, token, form, later).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        form: &str,
        later: Duration,
    ) -> Got {
        let context = Context {
            request_id: Guid::random(&mut os::rng()),
            client_request_id: String::new(),
            at: self.now.saturating_add(later),
            method: method.clone(),
            surface: Surface::Console,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), certificate: None },
        };
        let mut request = HttpRequest::builder().method(method).uri(path).extension(context);
        request = request.header("sec-fetch-site", "same-origin");
        if let Some(token) = token {
            let cookie = Cookie::Session.set(token).unwrap();
            request = request.header(header::COOKIE, cookie.to_str().unwrap().split(';').next().unwrap());
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = routes().with_state(Arc::clone(&self.app)).call(request).await.unwrap();
        let text = |name| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        Got {
            status: response.status(),
            location: text(header::LOCATION),
            kind: text(header::CONTENT_TYPE),
            body: String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
                .unwrap(),
        }
    }
}

fn form_of(token: &Token) -> String {
    format!("csrf={}&once={}", token.form_token(), Guid::random(&mut os::rng()))
}

fn is_guarded(route: &Route) -> bool {
    matches!(route.who, SignedIn | May(_))
}

#[tokio::test]
async fn every_row_lets_in_whom_it_names_and_nobody_else() {
    let mut world = World::new().await;
    let mut operators = vec![(world.operator("none", &[]).await, Vec::new())];
    for (at, &role) in Role::ALL.iter().enumerate() {
        operators.push((world.operator(&format!("role{at}"), &[role]).await, vec![role]));
    }
    let mut outcomes = [0; 2];
    for route in ROUTES {
        for (operator, roles) in &operators {
            let token = world.full(*operator).await;
            let got = world.send(route, Some(&token), &form_of(&token), Duration::ZERO).await;
            let allowed = match route.who {
                May(act) => may(roles, act),
                Anyone | Half | SignedIn => true,
            };
            let denied = got.status == StatusCode::FORBIDDEN && got.body.contains(DENIED);
            assert_eq!(denied, !allowed, "{} {roles:?}: {} {}", route.path, got.status, got.body);
            outcomes[usize::from(allowed)] += 1;
        }
    }
    assert!(outcomes.iter().all(|&count| count > 100), "{outcomes:?}");
}

#[tokio::test]
async fn without_both_factors_only_the_way_to_sign_in_is_open() {
    let world = World::new().await;
    let operator = world.operator("all", Role::ALL).await;
    let half = world.half(operator).await;
    for route in ROUTES {
        let anonymous = world.send(route, None, "", Duration::ZERO).await;
        let halfway = world.send(route, Some(&half), &form_of(&half), Duration::ZERO).await;
        let is_get = route.method == MethodFilter::GET;
        match route.who {
            Anyone => {}
            Half => {
                assert!(anonymous.location == "/console/sign-in" || anonymous.status == 403);
                assert_eq!(halfway.location, "");
            }
            SignedIn | May(_) if is_get && route.terms != Terms::Live => {
                assert_eq!(anonymous.location, "/console/sign-in", "{}", route.path);
                assert_eq!(halfway.location, "/console/second-factor", "{}", route.path);
            }
            SignedIn | May(_) => {
                assert!(anonymous.status.is_client_error(), "{} {}", route.path, anonymous.status);
                assert_eq!(halfway.location, "/console/second-factor", "{}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn no_form_is_taken_without_its_own_token() {
    let mut world = World::new().await;
    let operator = world.operator("all", Role::ALL).await;
    let token = world.full(operator).await;
    let other = world.full(operator).await;
    for route in ROUTES.iter().filter(|route| route.method == MethodFilter::POST) {
        for form in [String::new(), form_of(&other)] {
            let got = world.send(route, Some(&token), &form, Duration::ZERO).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{}", route.path);
            assert!(got.body.contains("no longer good"), "{}: {}", route.path, got.body);
        }
    }
}

#[tokio::test]
async fn what_matters_needs_a_fresh_second_factor() {
    let mut world = World::new().await;
    let operator = world.operator("all", Role::ALL).await;
    let later = Duration::from_secs(6 * 60);
    let mut guarded = 0;
    for route in ROUTES.iter().filter(|route| route.method == MethodFilter::POST && is_guarded(route)) {
        let token = world.full(operator).await;
        let got = world.send(route, Some(&token), &form_of(&token), later).await;
        let asks = got.status == StatusCode::FORBIDDEN && got.body.contains("fresh code");
        assert_eq!(asks, route.terms == Terms::Fresh, "{}: {}", route.path, got.body);
        guarded += usize::from(asks);
    }
    assert!(guarded >= 8);
}

#[tokio::test]
async fn a_session_ends_when_nothing_but_the_page_itself_asks() {
    let mut world = World::new().await;
    let operator = world.operator("all", Role::ALL).await;
    let token = world.full(operator).await;
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let row = |path: &str| ROUTES.iter().find(|route| route.path == path).unwrap();
    let (fleet, numbers) = (row("/console/fleet"), row("/console/fleet/numbers"));
    assert_eq!(world.send(fleet, Some(&token), "", minutes(10)).await.status, StatusCode::OK);
    assert_eq!(world.send(fleet, Some(&token), "", minutes(20)).await.status, StatusCode::OK);
    for at in [25, 30, 35] {
        assert_eq!(world.send(numbers, Some(&token), "", minutes(at)).await.status, StatusCode::OK);
    }
    assert_eq!(world.send(numbers, Some(&token), "", minutes(36)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.send(fleet, Some(&token), "", minutes(36)).await.location, "/console/sign-in");
}
