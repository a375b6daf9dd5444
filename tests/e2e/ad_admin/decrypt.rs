//! Encrypted passwords, made by others: read with keys that are given to whom they are for, and with root keys where no
//! controller runs any more.

use serde_json::{Value, json};
use xtask::lab::{
    self,
    domain::{ADMIN_PASSWORD, BASE, DOMAIN},
};
use xtask::{programs, python, sys};

use super::{PASSWORD, World};

const PROTECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/ad_admin/protect.py");
/// What a running controller tells another one, as an archive. Argument: the file with the administrator's password.
const ONLINE: &str = r#"samba-tool domain backup online --server=dc1.lapwing.test --targetdir=/root/online \
        --user=administrator --password="$(cat "$1")"
    mv /root/online/*.tar.bz2 /root/online.tar.bz2"#;
/// Where lapwing-kds listens if it is told nothing.
const KDS: &str = "dc1.lapwing.test:14135";
const DAY: u64 = 864_000_000_000;
/// How long ago each password was set, the current one first. An old one is of the time before the root key.
const AGES: [u64; 3] = [0, 1, 400 * DAY];

/// A domain with computers whose passwords are encrypted for `readers`, for a group that is gone, and for Domain Admins.
struct Encrypted {
    world: World,
    /// The directory's clock.
    now: u64,
}

impl Encrypted {
    fn new() -> Self {
        let world = World::new();
        world.kinit();
        assert_eq!(world.lapwing(&["update-ad-schema", "--yes"]).code, 0);
        let controller = &world.domain.controller;
        let made = ["group add readers", "user create helpdesk", "group addmembers readers helpdesk"];
        for command in made {
            let command: Vec<&str> = command.split(' ').collect();
            let password = if command[0] == "user" { &[PASSWORD][..] } else { &[] };
            controller.run(&[&["samba-tool"], &command[..], password].concat()).unwrap();
        }
        for name in ["web", "old", "lost"] {
            controller.run(&["samba-tool", "computer", "create", name]).unwrap();
        }
        let now = controller.run(&["date", "+%s"]).unwrap();
        let now = (now.trim().parse::<u64>().unwrap() + 11_644_473_600) * 10_000_000;
        let encrypted = Self { world, now };
        encrypted.store();
        for to in ["LAPWING\\readers", "LAPWING\\ordinary"] {
            let set = encrypted.world.lapwing(&["set-ad-read-password-permission", BASE, "--to", to]);
            assert_eq!(set.code, 0, "{}", set.err);
        }
        encrypted
    }

    fn sid(&self, group: &str) -> String {
        let show = ["samba-tool", "group", "show", group, "--attributes=objectSid"];
        let shown = self.world.domain.controller.run(&show).unwrap();
        shown.lines().find_map(|line| line.strip_prefix("objectSid: ")).unwrap().to_owned()
    }

    fn store(&self) {
        let readers = self.sid("readers");
        let (domain, _) = readers.rsplit_once('-').unwrap();
        let value = |sid: &str, age: u64, password: &str, public: bool| json!({"sid": sid, "ticks": self.now - age, "account": "lapadmin", "password": password, "public": public});
        let [current, before, old] = AGES;
        let made = self.make(&[
            value(&readers, current, "the current one", true),
            value(&readers, before, "the one before", false),
            value(&readers, old, "an old one", true),
            value(&format!("{domain}-9999"), current, "for those who are gone", true),
            value(&format!("{domain}-512"), current, "of repair mode", true),
        ]);
        let [current, before, old, lost, repair] = made.as_slice() else { panic!("{made:?}") };
        let expiry = "157469184000000000";
        self.world.modify(&format!(
            "dn: CN=web,CN=Computers,{BASE}\nchangetype: modify\n\
             add: msLAPS-EncryptedPassword\nmsLAPS-EncryptedPassword:: {current}\n-\n\
             add: msLAPS-PasswordExpirationTime\nmsLAPS-PasswordExpirationTime: {expiry}\n-\n\
             add: msLAPS-EncryptedPasswordHistory\nmsLAPS-EncryptedPasswordHistory:: {old}\n\
             msLAPS-EncryptedPasswordHistory:: {before}\n\n\
             dn: CN=lost,CN=Computers,{BASE}\nchangetype: modify\n\
             add: msLAPS-EncryptedPassword\nmsLAPS-EncryptedPassword:: {lost}\n\n\
             dn: CN=DC1,OU=Domain Controllers,{BASE}\nchangetype: modify\n\
             add: msLAPS-EncryptedDSRMPassword\nmsLAPS-EncryptedDSRMPassword:: {repair}\n\n"
        ));
    }

    /// By an implementation of others, with the forest's own root key.
    fn make(&self, values: &[Value]) -> Vec<String> {
        let base = format!(
            "CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,CN=Configuration,{BASE}"
        );
        let attributes = ["cn", "msKds-RootKeyData", "msKds-PrivateKeyLength"];
        let found = self.world.search(&base, "(objectClass=msKds-ProvRootKey)", &attributes);
        let of = |name: &str| found.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let bits: u32 = of("msKds-PrivateKeyLength: ").parse().unwrap();
        let given = json!({
            "root_key": {"id": of("cn: "), "data": of("msKds-RootKeyData:: "), "private_key_bits": bits},
            "values": values,
        });
        let python = python::interpreter(python::DPAPI_NG).unwrap();
        let mut command = self.world.lab.command(python.to_str().unwrap()).unwrap();
        let made = sys::text_fed(command.args(["-I", "-B", PROTECT]), given.to_string().as_bytes());
        serde_json::from_str(&made.unwrap()).unwrap()
    }

    fn serve_keys(&self) {
        let controller = &self.world.domain.controller;
        let programs = programs::build(programs::Build::WithFailPoints).unwrap();
        programs::install_kds(controller, &programs, "").unwrap();
        controller.run(&["systemctl", "start", "lapwing-kds.service"]).unwrap();
    }
}

/// What is told of each: where it is, what decrypting came to, the password.
fn told(out: &str) -> Vec<[String; 4]> {
    let rows: Value = serde_json::from_str(out).unwrap();
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| {
        ["Source", "DecryptionStatus", "AuthorizedDecryptor", "Password"].map(|member| text(row, member))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

const READERS: &str = "LAPWING\\readers";

#[test]
fn a_password_opens_for_whom_it_is_and_for_others_tells_for_whom_it_is() {
    let encrypted = Encrypted::new();
    let world = &encrypted.world;
    let read = ["get-ad-password", "web", "--include-history", "--as-plain-text", "--json"];

    // Samba by itself gives no keys; what is stored is told all the same.
    let run = world.lapwing(&read);
    run.must_fail(5, &["nobody in lapwing.test gave the group key", "it gives no group keys"]);
    assert!(told(&run.out).iter().all(|[_, status, decryptor, _]| status == "Error" && decryptor == READERS));

    encrypted.serve_keys();
    let read = [&read[..], &["--kds", KDS]].concat();
    let run = world.lapwing_as("helpdesk", &read);
    // The old one is of a time before the root key, by which this service goes; it keeps no other from being read.
    assert_eq!(run.code, 0, "{}", run.err);
    let opened = |source: &str, password: &str| [source, "Success", READERS, password].map(str::to_owned);
    let rows = told(&run.out);
    let [current, before, old] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(*current, opened("EncryptedPassword", "the current one"));
    assert_eq!(*before, opened("EncryptedPasswordHistory", "the one before"));
    assert_eq!(old[1], "Error");
    assert!(run.err.contains("refuses with 0x80070057"), "{}", run.err);

    let run = world.lapwing_as("ordinary", &read);
    run.must_fail(3, &["msLAPS-EncryptedPassword of web is encrypted for LAPWING\\readers"]);
    assert!(told(&run.out).iter().all(|[_, status, decryptor, password]| {
        (status.as_str(), decryptor.as_str(), password.as_str()) == ("Unauthorized", READERS, "")
    }));
    let rows: Value = serde_json::from_str(&run.out).unwrap();
    assert!(rows[0]["PasswordUpdateTime"].is_string() && rows[0]["Account"].is_null());

    // Whoever may read the root keys needs no group.
    let read = ["get-ad-password", "web", "lost", "DC1", "--as-plain-text", "--json", "--recovery"];
    let run = world.lapwing(&read);
    assert_eq!(run.code, 0, "{}", run.err);
    let passwords: Vec<_> = told(&run.out).into_iter().map(|[.., password]| password).collect();
    assert_eq!(passwords, ["the current one", "for those who are gone", "of repair mode"]);
    world.lapwing_as("ordinary", &read).must_fail(3, &["There is no root key", "--root-key"]);
    // As where a copy of the directory is mounted.
    let controller = &world.domain.controller;
    controller.install_unit("copy.socket", "[Socket]\nListenStream=50000\n").unwrap();
    let proxy =
        format!("[Service]\nExecStart=/usr/lib/systemd/systemd-socket-proxyd {}:389\n", controller.address());
    controller.install_unit("copy.service", &proxy).unwrap();
    controller.run(&["systemctl", "start", "copy.socket"]).unwrap();
    let on = |port: &str| world.lapwing(&[&read[..], &["--server", "dc1", "--port", port]].concat());
    assert_eq!(on("50000").out, run.out);
    on("50001").must_fail(5, &["dc1.lapwing.test", "Connection refused"]);

    let report = world.lapwing(&["report-ad", "--decryptor", READERS, "--json", "--only", "other-decryptor"]);
    let row: Value = serde_json::from_str(report.out.trim()).unwrap();
    assert_eq!(row["ComputerName"], "lost");
    assert!(row["Decryptors"][0].as_str().unwrap().ends_with("-9999"), "{row}");
    assert!(report.err.contains("1 encrypted for another than --decryptor"), "{}", report.err);
    let report = world.lapwing(&["report-ad", "--decryptors", "--json"]);
    let of = |name: &str| -> Value {
        let rows = report.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.into_iter().find(|row| row["ComputerName"] == name).unwrap()["Decryptors"].clone()
    };
    assert_eq!(
        (of("web"), of("DC1"), of("old")),
        (json!([READERS]), json!(["LAPWING\\Domain Admins"]), json!([]))
    );
}

#[test]
fn every_password_opens_from_a_backup_on_a_host_in_no_domain() {
    let encrypted = Encrypted::new();
    let sid = encrypted.sid("readers");
    let Encrypted { mut world, .. } = encrypted;
    let controller = &world.domain.controller;
    controller.run(&["samba-tool", "group", "delete", "readers"]).unwrap();
    controller.run(&["samba-tool", "domain", "backup", "offline", "--targetdir=/root/backup"]).unwrap();
    controller.run(&["sh", "-c", "mv /root/backup/*.tar.bz2 /root/backup.tar.bz2"]).unwrap();
    controller.run(&["sh", "-euc", ONLINE, "online", ADMIN_PASSWORD]).unwrap();
    let id = world.lapwing(&["get-kds-root-key", "--json"]).json()[0]["KeyId"].as_str().unwrap().to_owned();
    assert_eq!(world.lapwing(&["export-kds-root-key", &id, "/root/root.json"]).code, 0);

    let far = world.lab.boot_kind("far", lab::Kind::Member).unwrap();
    let programs = programs::build(programs::Build::WithFailPoints).unwrap();
    far.copy_in(&programs.join("lapwing"), "/usr/bin/lapwing", 0o755).unwrap();
    for archive in ["/root/backup.tar.bz2", "/root/online.tar.bz2"] {
        world.domain.controller.hand_over(archive, &far).unwrap();
    }
    world.host.hand_over("/root/root.json", &far).unwrap();
    world.domain.controller.power_off().unwrap();
    // Nothing that others could read, and nothing that stays.
    let before = far.run(&["ls", "-A", "/tmp"]).unwrap();

    world.host = far;
    let recover = |more: &[&str]| {
        let read = ["get-ad-password", "--as-plain-text", "--json", "--recovery"];
        world.lapwing(&[&read[..], more].concat())
    };
    let from_backup = ["--backup", "/root/backup.tar.bz2"];
    let all =
        ["WEB$", &format!("cn=lost, CN=Computers,{BASE}"), &format!("dc1.{DOMAIN}"), "--include-history"];
    let opened = |source: &str, decryptor: &str, password: &str| {
        [source, "Success", decryptor, password].map(str::to_owned)
    };
    let (domain, _) = sid.rsplit_once('-').unwrap();
    let expected = [
        opened("EncryptedPassword", &sid, "the current one"),
        opened("EncryptedPasswordHistory", &sid, "the one before"),
        opened("EncryptedPasswordHistory", &sid, "an old one"),
        opened("EncryptedPassword", &format!("{domain}-9999"), "for those who are gone"),
        opened("EncryptedDSRMPassword", "LAPWING\\Domain Admins", "of repair mode"),
    ];
    let run = recover(&[&all[..], &from_backup].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(told(&run.out), expected);
    let run = recover(&[&all[..], &["--backup", "/root/online.tar.bz2"]].concat());
    assert_eq!(told(&run.out), expected, "{}", run.err);
    // With an exported key alone, and from the database as it lies on a disk.
    world
        .host
        .run(&["tar", "--extract", "--file=/root/backup.tar.bz2", "--one-top-level=/root/unpacked"])
        .unwrap();
    for path in ["/root/unpacked", "/root/unpacked/private", "/root/unpacked/private/sam.ldb"] {
        let run = recover(&[&all[..], &["--ldb", path, "--root-key", "/root/root.json"]].concat());
        assert_eq!(told(&run.out), expected, "{path}: {}", run.err);
    }
    assert_eq!(world.host.run(&["ls", "-A", "/tmp"]).unwrap(), before);

    let some = recover(&[&["nobody", "old", "web"], &from_backup[..]].concat());
    some.must_fail(
        4,
        &["the backup has no computer that is called nobody", "the backup has no password of CN=old"],
    );
    assert_eq!(told(&some.out), expected[..1]);
    for (arguments, code, words) in [
        (&["--ldb", "/etc"][..], 4, &["/etc is no database of Samba's directory"][..]),
        (&["--ldb", "/nowhere"], 4, &["/nowhere is no database"]),
        (&["--backup", "/nowhere"], 4, &["/nowhere cannot be read", "No such file"]),
        (&["--backup", "/etc/passwd"], 1, &["/usr/bin/tar failed", "not look like a tar archive"]),
        (&["--backup", "/root/backup.tar.bz2", "--server", "dc1"], 2, &["cannot be used with"]),
    ] {
        recover(&[&["web"], arguments].concat()).must_fail(code, words);
    }
    world.host.run(&["chmod", "640", "/root/root.json"]).unwrap();
    let run = recover(&[&["web", "--root-key", "/root/root.json"], &from_backup[..]].concat());
    run.must_fail(3, &["others than its owner may read", "chmod 600"]);
    for (program, package) in [("bzip2", "bzip2"), ("ldbsearch", "ldb-tools")] {
        world.host.run(&["mv", &format!("/usr/bin/{program}"), "/root/"]).unwrap();
        let run = recover(&[&["web"], &from_backup[..]].concat());
        run.must_fail(1, &["is not installed", &format!("install the package {package} ")]);
    }
}
