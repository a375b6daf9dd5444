//! After a store no copy of the password is left in memory: not in HTTP's buffers, not in TLS's.
//!
//! The client runs in a process of its own, for the peer of course holds what it received.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    process::Stdio,
    sync::Arc,
};

use lapwing_client::{
    cloud::{Material, Session, Store, StoreOutcome},
    transport::{CertificateDer, Limits},
};
use lapwing_core::{secret::Password, types::Guid};

use crate::{
    peer::{Certified, Tls, answer, read_request},
    store::{identity_with, lead_up},
};

const LEN: usize = 60;

/// The password, letter by letter: written out it would be found in the program itself.
fn letter(at: usize) -> u8 {
    b'a' + u8::try_from((at * at * 7 + at * 3 + 5) % 26).unwrap()
}

/// Says to the process that the test starts that it is the client, and where its files are.
const FOLDER: &str = "LAPWING_TEST_FOLDER";

#[tokio::test]
async fn a_stored_password_leaves_no_copy_in_memory() {
    match std::env::var_os(FOLDER) {
        None => serve_a_client_of_its_own("memory::a_stored_password_leaves_no_copy_in_memory").await,
        Some(folder) => store_and_count_copies(Path::new(&folder)).await,
    }
}

/// Starts this test once more, as the client of a peer that is told the password.
async fn serve_a_client_of_its_own(test: &str) {
    let certified = Certified::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("authority"), &certified.authority).unwrap();
    let (url, peer) = certified
        .serve(async |mut stream: Tls| {
            lead_up(&mut stream).await;
            let received = read_request(&mut stream).await.unwrap();
            answer(&mut stream, "200 OK", "", "{}").await;
            received.body
        })
        .await;
    fs::write(folder.path().join("url"), url.to_string()).unwrap();
    let client = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8([client.stdout, client.stderr].concat()).unwrap();
    // A name that is no test's would succeed too, with nothing run.
    assert!(client.status.success() && said.contains("test result: ok. 1 passed"), "{said}");
    let password: String = (0..LEN).map(|at| char::from(letter(at))).collect();
    let body = String::from_utf8(peer.await.unwrap().unwrap()).unwrap();
    assert_eq!(body, format!(r#"{{"AccountName":"lapadmin","NewPassword":"{password}"}}"#));
}

async fn store_and_count_copies(folder: &Path) {
    let url = fs::read_to_string(folder.join("url")).unwrap().parse().unwrap();
    let authority = CertificateDer::from(fs::read(folder.join("authority")).unwrap());
    let mut session =
        Session::open(Arc::new(identity_with(authority, url)), Limits::default()).await.unwrap();
    let account = "lapadmin".parse().unwrap();
    let mut text = String::with_capacity(LEN);
    text.extend((0..LEN).map(|at| char::from(letter(at))));
    let password = Password::new(text);
    assert_eq!(copies(), 1, "the search finds what is there");
    let store = Store { account: &account, material: Material::Clear { password: &password, expiry: None } };
    let outcome = session.store(&store, Guid::from_bytes([1; 16])).await;
    assert!(matches!(outcome, StoreOutcome::Stored(None)), "{outcome:?}");
    assert_eq!(copies(), 1, "the store has made copies that it did not wipe");
    drop(password);
    assert_eq!(copies(), 0);
}

/// How often the password stands in this process's writable memory.
fn copies() -> usize {
    let mut memory = fs::File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw")))
    {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        memory.seek(SeekFrom::Start(start)).unwrap();
        let mut at = Matcher::default();
        let mut page = [0; 4096];
        for _ in 0..(end - start) / 4096 {
            // Guard pages cannot be read.
            if memory.read_exact(&mut page).is_err() {
                break;
            }
            found += page.iter().filter(|byte| at.step(**byte)).count();
            // Else the search would find what it has read.
            page.fill(0);
            core::hint::black_box(&mut page);
        }
    }
    found
}

/// Recognises the password in a stream of bytes. No letter but the first starts it anew, which is enough for this one.
#[derive(Default)]
struct Matcher(usize);

impl Matcher {
    fn step(&mut self, byte: u8) -> bool {
        self.0 = if byte == letter(self.0) { self.0 + 1 } else { usize::from(byte == letter(0)) };
        if self.0 == LEN {
            self.0 = 0;
            return true;
        }
        false
    }
}
