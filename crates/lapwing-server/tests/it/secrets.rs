//! No password, secret or token in any file, log or argument list.

use std::os::unix::fs::PermissionsExt as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::register::Condition;

use crate::{
    device::{Device, enrolment_token, version},
    harness::{Request, Server},
    life::passwords,
};

#[test]
fn a_known_password_is_in_no_file_and_no_argument() {
    const SEALED: &str = "sealed-needle-8213";
    const PLAIN: &str = "plain-needle-5519";
    let server = Server::start();
    let device = Device::join(&server, "host");
    let token = enrolment_token(&server, 3);
    device.store_and_check(&server, &device.seal(SEALED, version(), Condition::Any, None));
    let body = format!(r#"{{"AccountName":"lapadmin","NewPassword":"{PLAIN}"}}"#);
    let path = device.upload_path();
    let plain = Request {
        method: "POST",
        path: &path,
        bearer: Some(&device.token),
        body: body.as_bytes(),
        ..Request::default()
    };
    assert_eq!(server.send(&plain).status, 200);
    // Refused ones too.
    let broken = body.replace("lapadmin", "bad:name");
    assert_eq!(server.post(&path, Some(&device.token), broken.as_bytes()).status, 400);
    assert_eq!(passwords(&server, &device), [PLAIN, SEALED]);

    let bearer = token.bearer();
    let admin_secret = server.admin.client_secret.expose_secret().to_owned();
    let needles: Vec<Vec<u8>> = vec![
        SEALED.into(),
        PLAIN.into(),
        STANDARD.encode(SEALED).into(),
        STANDARD.encode(PLAIN).into(),
        bearer.as_bytes().to_vec(),
        token.secret.expose_secret().to_vec(),
        device.token.clone().into(),
    ];
    let proc = std::path::PathBuf::from(format!("/proc/{}", server.pid()));
    for file in ["cmdline", "environ"] {
        check(&proc.join(file), &needles);
        check(&proc.join(file), &[admin_secret.clone().into()]);
    }
    // The write-ahead log is there while the server runs.
    assert!(server.folder.path().join("lapwing.db-wal").exists());
    assert!(std::fs::metadata(server.log()).unwrap().len() > 0);
    for entry in std::fs::read_dir(server.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        check(&path, &needles);
        if path.file_name().is_some_and(|name| name != "log") {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is for its owner alone", path.display());
        }
        if path.file_name().is_some_and(|name| name != "admin.toml") {
            check(&path, &[admin_secret.clone().into()]);
        }
    }
}

fn check(path: &std::path::Path, needles: &[Vec<u8>]) {
    let bytes = std::fs::read(path).unwrap();
    for needle in needles {
        let found = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found, "{} holds {}", path.display(), String::from_utf8_lossy(needle));
    }
}
