//! Who visits the console: a browser without scripts, and what an operator proves himself with.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY},
    rand::SystemRandom,
    signature::{EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::Value;

use crate::harness::{Answer, Request, Server, run};

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const SESSION: &str = "__Host-lapwing-session";

/// Cookies, the page that is open, and the forms on it.
pub(crate) struct Visitor<'a> {
    pub(super) server: &'a Server,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) page: String,
}

/// What an operator signs in with.
pub(crate) struct Proofs {
    pub(super) secret: Vec<u8>,
    /// The step of the last code.
    pub(super) step: u64,
    pub(super) recovery_codes: Vec<String>,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        Self { server, cookies: BTreeMap::new(), page: String::new() }
    }

    pub(super) fn send(&mut self, method: &str, path: &str, lines: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let lines = format!("{lines}Cookie: {}\r\n", cookies.join("; "));
        let request = Request { method, path, lines: &lines, body: body.as_bytes(), ..Request::default() };
        let answer = self.server.send(&request);
        for line in answer.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie:")) {
            let (pair, attributes) = line.split_once(':').unwrap().1.trim().split_once("; ").unwrap();
            assert!(attributes.starts_with("Path=/; Secure; HttpOnly; SameSite=Strict"), "{attributes}");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        check_head(&answer);
        self.page = String::from_utf8(answer.body.clone()).unwrap();
        answer
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", "")
    }

    /// Sends a form as the open page would: with its hidden members.
    pub(super) fn post(&mut self, path: &str, members: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for name in ["csrf", "once", "link", "secret"] {
            if let Some(value) = self.hidden(name) {
                form.append_pair(name, &value);
            }
        }
        form.extend_pairs(members);
        let body = form.finish();
        self.send("POST", path, "Sec-Fetch-Site: same-origin\r\n", &body)
    }

    /// The value of a hidden member of the page's last form.
    pub(super) fn hidden(&self, name: &str) -> Option<String> {
        let start = format!("type=\"hidden\" name=\"{name}\" value=\"");
        let (_, rest) = self.page.rsplit_once(&start)?;
        Some(rest.split('"').next().unwrap().to_owned())
    }

    /// From the one-time link to the first page.
    pub(super) fn set_up(&mut self, link: &str) -> Proofs {
        let (_, path) = link.split_at(link.find("/console").unwrap());
        assert_eq!(self.get(path).status, 200);
        let secret = BASE32_NOPAD.decode(self.hidden("secret").unwrap().as_bytes()).unwrap();
        let step = now() / 30;
        let code = totp(&secret, step);
        let answer =
            self.post("/console/set-up", &[("password", PASSWORD), ("again", PASSWORD), ("code", &code)]);
        assert_eq!(answer.status, 200, "{}", self.page);
        let recovery_codes = self.page.split("<li><code>").skip(1);
        let recovery_codes = recovery_codes.map(|rest| rest.split('<').next().unwrap().to_owned());
        Proofs { secret, step, recovery_codes: recovery_codes.collect() }
    }

    pub(super) fn give_password(&mut self, name: &str, password: &str) -> Answer {
        self.get("/console/sign-in");
        self.post("/console/sign-in", &[("name", name), ("password", password)])
    }

    pub(super) fn give_code(&mut self, code: &str) -> Answer {
        self.get("/console/second-factor");
        self.post("/console/second-factor", &[("code", code)])
    }

    pub(super) fn sign_in(&mut self, name: &str, proofs: &mut Proofs) {
        assert_eq!(self.give_password(name, PASSWORD).header("location"), Some("/console/second-factor"));
        let code = proofs.recovery_codes.pop().unwrap();
        assert_eq!(self.give_code(&code).header("location"), Some("/console"));
    }

    pub(super) fn is_signed_in(&mut self) -> bool {
        self.get("/console/account").status == 200
    }
}

/// What every answer of the console carries.
pub(super) fn check_head(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("cache-control").is_some());
}

pub(super) fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// RFC 6238.
pub(super) fn totp(secret: &[u8], step: u64) -> String {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

pub(super) fn link(server: &Server, arguments: &[&str]) -> String {
    let output = run(&[&["operator", "link"], arguments].concat(), server.folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn administrator(server: &Server) -> (Visitor<'_>, Proofs) {
    let mut visitor = Visitor::new(server);
    let proofs = visitor.set_up(&link(server, &["admin"]));
    (visitor, proofs)
}

/// The audit log's entries of one activity.
pub(super) fn entries(server: &Server, activity: &str) -> Vec<Value> {
    let token = server.admin_token();
    let entries = server.get(&server.admin_path("audit"), &token).json();
    let all = entries["value"].as_array().unwrap();
    all.iter().filter(|entry| entry["activity"] == activity).cloned().collect()
}

/// An authenticator in software.
pub(super) struct Authenticator {
    pub(super) key: EcdsaKeyPair,
    pub(super) counter: u32,
}

impl Authenticator {
    pub(super) fn data(&self, flags: u8, rest: &[u8]) -> Vec<u8> {
        let host = digest(&SHA256, b"127.0.0.1");
        [host.as_ref(), &[flags], &self.counter.to_be_bytes(), rest].concat()
    }

    /// What a script asks for, and the client data of the answer.
    pub(super) fn asked(visitor: &mut Visitor<'_>, path: &str, kind: &str) -> String {
        let page = visitor.page.clone();
        let asked = visitor.post(path, &[]).json();
        visitor.page = page;
        assert_eq!(asked["host"], "127.0.0.1");
        let (challenge, origin) = (asked["challenge"].as_str().unwrap(), &visitor.server.url);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"}}"#)
    }

    pub(super) fn made(&self, client_data: &str) -> String {
        let data = self.data(0x41, &[&[0; 16][..], &[0, 2], b"id"].concat());
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let spki = [&HEXLOWER.decode(head.as_bytes()).unwrap(), self.key.public_key().as_ref()].concat();
        [client_data.as_bytes(), &data, &spki].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    pub(super) fn answer(&self, client_data: &str) -> String {
        let data = self.data(1, &[]);
        let message = [&data[..], digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
        [&b"id"[..], client_data.as_bytes(), &data, signature.as_ref()]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".")
    }
}
