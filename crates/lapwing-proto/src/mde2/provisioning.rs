//! What an enrolled device takes home: `wap-provisioningdoc`. [MS-MDE2] 2.2.9.1; "w7 APPLICATION CSP"; "DMClient CSP".

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{hex, syncml, xml::Writer};

/// Windows wants credentials inside of messages; who speaks is proved by TLS alone, so that these prove nothing.
const NO_SECRET: &str = "unused";

/// What a device takes home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioning {
    /// What the server's certificate leads to.
    pub root: Certificate,
    /// What has signed the device's certificate; the root once more if it has done that itself, for some clients take the
    /// third certificate for their own.
    pub issuer: Certificate,
    /// The device's own.
    pub device: Certificate,
    /// Its subject, as the device looks for it: `CN=…`.
    pub device_subject: String,
    /// Where it lies.
    pub store: Store,
    /// How long before its end the device renews its certificate by itself, in days.
    pub renew_days: u32,
    /// How long it waits after a failed renewal, in days.
    pub renew_retry_days: u32,
    /// The device's name with its server: without one it renews nothing. "DMClient CSP", EntDMID.
    pub device_id: String,
    /// Names the server in the device's tree.
    pub provider: String,
    /// The server, for people.
    pub name: String,
    /// Absolute URL of device management.
    pub address: String,
    /// The user, if there is one.
    pub upn: Option<String>,
    /// What the device is called there, for people.
    pub device_name: Option<String>,
    /// When the device calls.
    pub poll: Poll,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1 of `der`, by which Windows names certificates.
    pub thumbprint: [u8; 20],
    /// X.509.
    pub der: Vec<u8>,
}

/// Whose certificate the device's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// The user's: `EnrollmentType` `Full`.
    User,
    /// The device's: `EnrollmentType` `Device`.
    System,
}

/// When a device calls: the first retries, then the second, then the remaining. "DMClient CSP", Poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Right after enrolment.
    pub first: Retries,
    /// Then.
    pub second: Retries,
    /// For good.
    pub remaining: Retries,
    /// Whether also when a user logs on.
    pub on_login: bool,
}

/// One stage of calls; off if `interval_minutes` is 0, without end if `count` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retries {
    /// How many.
    pub count: u32,
    /// How far apart.
    pub interval_minutes: u32,
}

impl Provisioning {
    /// The document: root, issuer, device, in this order, for clients that count.
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.element_with("wap-provisioningdoc", &[("version", "1.1")], |writer| {
            authority(writer, "Root", &self.root);
            authority(writer, "CA", &self.issuer);
            self.own_certificate(writer);
            self.application(writer);
            self.client(writer);
        });
        writer.finish()
    }

    fn own_certificate(&self, writer: &mut Writer) {
        let renew_days = self.renew_days.to_string();
        let retry_days = self.renew_retry_days.to_string();
        nested(writer, &["CertificateStore", "My"], |writer| {
            nested(writer, &[self.store.name()], |writer| {
                certificate(writer, &self.device, |writer| nested(writer, &["PrivateKeyContainer"], |_| {}));
            });
            nested(writer, &["WSTEP", "Renew"], |writer| {
                typed(writer, "ROBOSupport", "true", "boolean");
                typed(writer, "RenewPeriod", &renew_days, "integer");
                typed(writer, "RetryInterval", &retry_days, "integer");
            });
        });
    }

    fn application(&self, writer: &mut Writer) {
        let store = self.store.name();
        let criteria = format!("Subject={}&Stores=My%5C{store}", percent(&self.device_subject));
        nested(writer, &["APPLICATION"], |writer| {
            for (name, value) in [
                ("APPID", "w7"),
                ("PROVIDER-ID", &self.provider),
                ("NAME", &self.name),
                ("ADDR", &self.address),
                ("CONNRETRYFREQ", "6"),
                ("INITIALBACKOFFTIME", "30000"),
                ("MAXBACKOFFTIME", "120000"),
            ] {
                parm(writer, name, value);
            }
            writer.empty("parm", &[("name", "BACKCOMPATRETRYDISABLED")]);
            parm(writer, "DEFAULTENCODING", syncml::MEDIA_TYPE);
            parm(writer, "SSLCLIENTCERTSEARCHCRITERIA", &criteria);
            for (level, kind) in [("CLIENT", "DIGEST"), ("APPSRV", "BASIC")] {
                nested(writer, &["APPAUTH"], |writer| {
                    parm(writer, "AAUTHLEVEL", level);
                    parm(writer, "AAUTHTYPE", kind);
                    parm(writer, "AAUTHNAME", NO_SECRET);
                    parm(writer, "AAUTHSECRET", NO_SECRET);
                    parm(writer, "AAUTHDATA", &STANDARD.encode(NO_SECRET));
                });
            }
        });
    }

    fn client(&self, writer: &mut Writer) {
        let Poll { first, second, remaining, on_login } = self.poll;
        nested(writer, &["DMClient", "Provider", &self.provider], |writer| {
            typed(writer, "EntDMID", &self.device_id, "string");
            if let Some(upn) = &self.upn {
                typed(writer, "UPN", upn, "string");
            }
            if let Some(name) = &self.device_name {
                typed(writer, "EntDeviceName", name, "string");
            }
            nested(writer, &["Poll"], |writer| {
                for (count, interval, retries) in [
                    ("NumberOfFirstRetries", "IntervalForFirstSetOfRetries", first),
                    ("NumberOfSecondRetries", "IntervalForSecondSetOfRetries", second),
                    ("NumberOfRemainingScheduledRetries", "IntervalForRemainingScheduledRetries", remaining),
                ] {
                    typed(writer, count, &retries.count.to_string(), "integer");
                    typed(writer, interval, &retries.interval_minutes.to_string(), "integer");
                }
                typed(writer, "PollOnLogin", if on_login { "true" } else { "false" }, "boolean");
            });
        });
    }
}

impl Store {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::System => "System",
        }
    }
}

fn authority(writer: &mut Writer, store: &str, authority: &Certificate) {
    nested(writer, &["CertificateStore", store, "System"], |writer| certificate(writer, authority, |_| {}));
}

fn certificate(writer: &mut Writer, certificate: &Certificate, more: impl FnOnce(&mut Writer)) {
    let thumbprint = hex::encode(&certificate.thumbprint).to_ascii_uppercase();
    nested(writer, &[&thumbprint], |writer| {
        parm(writer, "EncodedCertificate", &STANDARD.encode(&certificate.der));
        more(writer);
    });
}

/// Characteristics inside of one another.
fn nested(writer: &mut Writer, kinds: &[&str], content: impl FnOnce(&mut Writer)) {
    kinds.iter().for_each(|kind| writer.begin("characteristic", &[("type", kind)]));
    content(writer);
    kinds.iter().for_each(|_| writer.end("characteristic"));
}

fn parm(writer: &mut Writer, name: &str, value: &str) {
    writer.empty("parm", &[("name", name), ("value", value)]);
}

fn typed(writer: &mut Writer, name: &str, value: &str, kind: &str) {
    writer.empty("parm", &[("name", name), ("value", value), ("datatype", kind)]);
}

/// RFC 3986 section 2.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
