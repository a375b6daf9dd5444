//! Group Policy on a booted member of a real domain: `lapwingd` under its own unit, objects made with Samba's tools, and
//! `samba-tool gpo list` as a judge of which of them hold.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask::estate::{Estate, Setting, UNIT};
use xtask::lab::Lab;
use xtask::lab::domain::{ADMIN_PASSWORD, BASE, Samba};
use xtask::programs::{self, Build};
use xtask::scene::DEVICE;

/// Runs one of Samba's tools on the controller as the administrator; the first argument is the password's file.
const AS_ADMINISTRATOR: &str = r#"umask 077
    export KRB5CCNAME="FILE:/root/tickets.judge"
    kinit administrator <"$1" >/dev/null
    shift
    exec samba-tool "$@" --use-kerberos=required"#;

/// Where the controller has the files of policies.
const POLICIES: &str = "/var/lib/samba/sysvol/lapwing.test/Policies";

/// A domain with a host whose agent asks for its Group Policy.
struct World {
    estate: Estate,
}

/// What `lapwing get-policy --json` shows.
struct Shown(Value);

impl Shown {
    fn setting(&self, name: &str) -> (String, String) {
        let settings = self.0["settings"].as_array().unwrap();
        let found = settings.iter().find(|setting| setting["name"] == name).unwrap();
        let text = |member: &str| found[member].as_str().unwrap().to_owned();
        (text("value"), text("origin"))
    }

    fn remarks(&self) -> Vec<&str> {
        self.0["remarks"].as_array().unwrap().iter().map(|remark| remark.as_str().unwrap()).collect()
    }

    fn source(&self) -> Option<&str> {
        self.0["source"].as_str()
    }

    /// The names of the objects that hold, in the order in which they are applied.
    fn applied(&self) -> Vec<String> {
        let name = |remark: &&str| {
            let (name, rest) = remark.strip_prefix("GPO: \"")?.split_once('"')?;
            rest.starts_with(" {").then(|| name.to_owned())
        };
        self.remarks().iter().filter_map(name).collect()
    }

    /// Why an object's link does not count.
    fn skipped(&self, name: &str) -> Vec<String> {
        let start = format!("GPO: {name:?}, linked to ");
        let why =
            |remark: &&str| Some(remark.strip_prefix(&start)?.split_once(": not applied: ")?.1.to_owned());
        self.remarks().iter().filter_map(why).collect()
    }

    /// Why Group Policy is not read anew, if it is not.
    fn unread(&self) -> Option<&str> {
        self.remarks().iter().find_map(|remark| remark.strip_prefix("Group Policy: "))
    }
}

impl World {
    fn new(samba: Samba) -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let estate = Estate::set(Lab::new().unwrap(), samba, &programs).unwrap();
        programs::switch_on(&estate.host).unwrap();
        Self { estate }
    }

    /// Has the agent read its policy, and asks what it is. How the cycle ends is not this test's business.
    fn policy(&self) -> Shown {
        let mut command = self.estate.host.command("lapwing");
        command.arg("invoke-policy-processing").output().unwrap();
        let left = self.estate.host.run(&["ls", "/run/lapwingd"]).unwrap();
        assert!(!left.contains("sysvol"), "tickets stay: {left}");
        Shown(
            serde_json::from_str(&self.estate.host.run(&["lapwing", "get-policy", "--json"]).unwrap())
                .unwrap(),
        )
    }

    fn samba_tool(&self, arguments: &[&str]) -> String {
        let run = ["sh", "-euc", AS_ADMINISTRATOR, "tool", ADMIN_PASSWORD];
        self.estate.domain.controller.run(&[&run[..], arguments].concat()).unwrap()
    }

    /// A new object that sets a length, linked nowhere but where it is said.
    fn add(&self, name: &str, length: u32, links: &[&[&str]]) -> String {
        // A directory that this host is not enrolled in: what is asked here is the policy alone.
        let settings = [("BackupDirectory", 1), ("PasswordLength", length)];
        let settings = settings.map(|(name, number)| (name, Setting::Number(number)));
        let object = self.estate.add_policy(name, &settings).unwrap();
        self.samba_tool(&["gpo", "dellink", UNIT, &object]);
        for link in links {
            let [container, options @ ..] = link else { panic!("no container") };
            self.samba_tool(&[&["gpo", "setlink", container, &object], options].concat());
        }
        object
    }

    /// Changes an object's attributes in the directory, where Samba's tools have no command for it.
    fn modify(&self, object: &str, attribute: &str, value: &str) {
        let ldif = format!(
            "dn: CN={object},CN=Policies,CN=System,{BASE}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        );
        let modify = ["ldbmodify", "-H", "/var/lib/samba/private/sam.ldb"];
        self.estate.domain.controller.feed(&modify, ldif.as_bytes()).unwrap();
    }

    /// Puts a file of an object in place of the one that is there, with its owner and rights.
    fn put(&self, object: &str, file: &str, content: &[u8]) {
        let path = format!("{POLICIES}/{object}/{file}");
        self.estate.domain.controller.feed(&["sh", "-euc", r#"cat >"$1""#, "put", &path], content).unwrap();
    }

    fn version(&self, object: &str, directory: u32, files: u32) {
        self.put(object, "GPT.INI", format!("[General]\r\nVersion={files}\r\n").as_bytes());
        self.modify(object, "versionNumber", &directory.to_string());
    }

    /// Which objects hold as Samba sees it, the domain's two own ones left out. It asks as for a user, so one whose half for
    /// computers is switched off is none of its business.
    fn judged(&self) -> BTreeSet<String> {
        let listed = self.samba_tool(&["gpo", "list", &format!("{}$", DEVICE.to_uppercase())]);
        let name = |line: &str| Some(line.strip_prefix("    ")?.rsplit_once(" {")?.0.to_owned());
        listed
            .lines()
            .filter_map(name)
            .filter(|name| !name.starts_with("Default Domain") && name != "Half")
            .collect()
    }
}

#[test]
fn the_objects_that_hold_are_those_that_windows_would_apply_in_its_order() {
    let world = World::new(Samba::Current);
    let site = format!("CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}");
    let inner = format!("OU=Web,{UNIT}");
    let controller = &world.estate.domain.controller;
    controller.run(&["samba-tool", "ou", "add", &inner]).unwrap();
    controller.run(&["samba-tool", "computer", "move", DEVICE, &inner]).unwrap();

    world.add("Site", 20, &[&[&site]]);
    world.add("Domain", 21, &[&[BASE]]);
    let enforced = world.add("Enforced", 22, &[&[BASE, "--enforce"]]);
    world.add("Unit", 23, &[&[UNIT]]);
    let off = world.add("Off", 24, &[&[&inner, "--disable"]]);
    let half = world.add("Half", 25, &[&[&inner]]);
    world.modify(&half, "flags", "2");
    world.add("First", 26, &[&[&inner]]);
    world.add("Second", 27, &[&[&inner]]);
    let shown = world.policy();
    assert_eq!(shown.unread(), None);
    // Of one container the last link wins, as Samba's tool puts the newest; enforced ones come last of all.
    let applied = shown.applied();
    let at = |name: &str| applied.iter().position(|applied| applied == name).unwrap();
    assert_eq!(applied.len(), 6, "{applied:?}");
    assert!(at("Site") < at("Domain") && at("Domain") < at("Unit"), "{applied:?}");
    assert!(at("Unit") < at("First").min(at("Second")) && at("Enforced") == 5, "{applied:?}");
    assert_eq!(shown.source(), Some("GPO"));
    let (value, origin) = shown.setting("PasswordLength");
    assert_eq!(value, "22");
    assert_eq!(origin.to_uppercase(), format!("GPO \"Enforced\" {enforced}").to_uppercase());
    // Nobody asks what it is called.
    let off = format!("CN={off},CN=Policies,CN=System,{BASE}");
    assert_eq!(shown.skipped(&off), ["the link is switched off"]);
    assert_eq!(shown.skipped("Half"), ["its half for computers is switched off"]);
    let names: BTreeSet<String> = applied.into_iter().collect();
    // Its list has no sites.
    let but_site = |mut names: BTreeSet<String>| {
        names.remove("Site");
        names
    };
    assert_eq!(but_site(names), world.judged());

    // Without the enforced one, which of two of one unit wins is what the order of the links says.
    world.samba_tool(&["gpo", "dellink", BASE, &enforced]);
    let shown = world.policy();
    let last = shown.applied().pop().unwrap();
    assert_eq!(shown.setting("PasswordLength").0, if last == "First" { "26" } else { "27" });
    let links = world.samba_tool(&["gpo", "getlink", &inner]);
    let stands = |name: &str| links.find(&format!(": {name}\n")).unwrap();
    let winner = if stands("First") > stands("Second") { "First" } else { "Second" };
    assert_eq!(last, winner, "{links}");

    world.samba_tool(&["gpo", "setlink", BASE, &enforced, "--enforce"]);
    world.samba_tool(&["gpo", "setinheritance", &inner, "block"]);
    let shown = world.policy();
    assert_eq!(shown.skipped("Unit"), ["a nearer container blocks inheritance"]);
    assert_eq!(shown.skipped("Site"), ["a nearer container blocks inheritance"]);
    let names: BTreeSet<String> = shown.applied().into_iter().collect();
    assert_eq!(names, ["Enforced", "First", "Second"].map(str::to_owned).into());
    assert_eq!(names, world.judged());
}

#[test]
fn an_object_filtered_by_groups_holds_for_the_machine_of_a_group_within_the_group() {
    const APPLY: &str = "edacfd8f-ffb3-11d1-b41d-00a0c968f939";
    let world = World::new(Samba::Current);
    let object = world.add("Filtered", 30, &[&[UNIT]]);
    let controller = &world.estate.domain.controller;
    let name = format!("--objectdn=CN={object},CN=Policies,CN=System,{BASE}");
    assert_eq!(world.policy().applied(), ["Filtered"]);

    controller
        .run(&["samba-tool", "dsacl", "delete", &name, &format!("--sddl=(OA;CI;CR;{APPLY};;AU)")])
        .unwrap();
    let shown = world.policy();
    assert_eq!(shown.skipped("Filtered"), ["this computer may not read or not apply it"]);
    // The judge looks at the right to read alone.
    assert_eq!((shown.applied(), shown.source()), (Vec::new(), None));

    for group in ["outer", "inner"] {
        controller.run(&["samba-tool", "group", "add", group]).unwrap();
    }
    let shown = controller.run(&["samba-tool", "group", "show", "outer", "--attributes=objectSid"]).unwrap();
    let sid = shown.lines().find_map(|line| line.strip_prefix("objectSid: ")).unwrap();
    controller
        .run(&["samba-tool", "dsacl", "set", &name, &format!("--sddl=(OA;CI;CR;{APPLY};;{sid})")])
        .unwrap();
    assert_eq!(world.policy().applied(), Vec::<String>::new());
    controller.run(&["samba-tool", "group", "addmembers", "outer", "inner"]).unwrap();
    controller
        .run(&["samba-tool", "group", "addmembers", "inner", &format!("{}$", DEVICE.to_uppercase())])
        .unwrap();
    let shown = world.policy();
    assert_eq!(shown.applied(), ["Filtered"]);
    assert_eq!(world.judged(), ["Filtered".to_owned()].into());
}

#[test]
fn a_broken_absent_or_silent_sysvol_keeps_the_last_good_policy_and_says_so() {
    let world = World::new(Samba::Current);
    let controller = &world.estate.domain.controller;
    let object = world.add("Lengths", 30, &[&[UNIT]]);
    let pol =
        controller.run(&["base64", "-w0", &format!("{POLICIES}/{object}/Machine/Registry.pol")]).unwrap();
    assert_eq!(world.policy().setting("PasswordLength").0, "30");
    let keeps = |what: &str, words: &str| {
        let shown = world.policy();
        assert_eq!(shown.setting("PasswordLength").0, "30", "{what}");
        let unread =
            shown.unread().unwrap_or_else(|| panic!("{what}: nothing is said: {:?}", shown.remarks()));
        assert!(unread.contains(words), "{what}: {unread}");
        let told =
            world.estate.host.run(&["journalctl", "--unit=lapwingd", "--lines=30", "--output=cat"]).unwrap();
        assert!(told.contains("Group Policy could not be read"), "{what}: {told}");
    };

    world.put(&object, "Machine/Registry.pol", b"no policy");
    // The same version is not read again, as nobody does.
    assert_eq!(world.policy().unread(), None);
    world.version(&object, 2, 2);
    keeps("a broken file", "is damaged");
    let file = format!("{POLICIES}/{object}/Machine/Registry.pol");
    controller.run(&["rm", &file]).unwrap();
    keeps("a file that is gone", "has no file");
    controller.run(&["mv", &format!("{POLICIES}/{object}"), &format!("{POLICIES}/away")]).unwrap();
    keeps("a folder that is gone", "has no file");
    controller.run(&["mv", &format!("{POLICIES}/away"), &format!("{POLICIES}/{object}")]).unwrap();
    controller.run(&["sh", "-euc", "kill -STOP $(pidof smbd)"]).unwrap();
    keeps("a service that is silent", "did not give the file within");
    controller.run(&["sh", "-euc", "kill -CONT $(pidof smbd)"]).unwrap();
    world.estate.host.run(&["mv", "/usr/bin/smbclient", "/usr/bin/away"]).unwrap();
    keeps("no program", "is not installed");
    world.estate.host.run(&["mv", "/usr/bin/away", "/usr/bin/smbclient"]).unwrap();
    controller.run(&["systemctl", "stop", "samba-ad-dc.service"]).unwrap();
    keeps("no domain", "no domain controller");
    // What is kept outlasts the agent.
    world.estate.host.run(&["systemctl", "restart", "lapwingd.service"]).unwrap();
    keeps("no domain after a start", "no domain controller");
    controller.run(&["systemctl", "start", "samba-ad-dc.service"]).unwrap();

    controller.feed(&["sh", "-euc", r#"base64 -d >"$1""#, "put", &file], pol.as_bytes()).unwrap();
    controller
        .wait_until("the domain answers", std::time::Duration::from_secs(60), |_| {
            Ok(world.policy().unread().is_none())
        })
        .unwrap();
    assert_eq!(world.policy().setting("PasswordLength").0, "30");
}

#[test]
fn a_change_is_read_once_directory_and_files_agree_on_its_version() {
    let world = World::new(Samba::Current);
    let object = world.add("Lengths", 30, &[&[UNIT]]);
    assert_eq!(world.policy().setting("PasswordLength").0, "30");
    let load = |length: u32| {
        let records = json!([{
            "keyname": r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS",
            "valuename": "PasswordLength", "class": "MACHINE", "type": "REG_DWORD", "data": length,
        }]);
        let controller = &world.estate.domain.controller;
        controller.write("/root/change.json", 0o600, records.to_string().as_bytes()).unwrap();
        world.samba_tool(&["gpo", "load", &object, "--content=/root/change.json"]);
    };
    load(31);
    let shown = world.policy();
    assert_eq!((shown.unread(), shown.setting("PasswordLength").0.as_str()), (None, "31"));
    let told = world.estate.host.run(&["journalctl", "--unit=lapwingd", "--output=cat"]).unwrap();
    assert!(told.contains("Group Policy has changed"), "{told}");

    // Replicated to the directory and not to the files yet, then to both.
    load(32);
    world.version(&object, 9, 3);
    let shown = world.policy();
    assert_eq!(shown.setting("PasswordLength").0, "31");
    assert!(shown.unread().is_some_and(|why| why.contains("has version 9 in the directory and 3 in SYSVOL")));
    world.version(&object, 9, 9);
    let shown = world.policy();
    assert_eq!((shown.unread(), shown.setting("PasswordLength").0.as_str()), (None, "32"));

    // A link that goes takes its values with it.
    world.samba_tool(&["gpo", "dellink", UNIT, &object]);
    let shown = world.policy();
    assert_eq!((shown.unread(), shown.source(), shown.applied()), (None, None, Vec::new()));
}

/// `Registry.pol` with numbers under one key, as [MS-GPREG] 2.2.1 has it.
fn registry_pol(key: &str, values: &[(&str, u32)]) -> Vec<u8> {
    let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let mut file = b"PReg\x01\0\0\0".to_vec();
    for (name, number) in values {
        let start = text(&format!("[{key}\0;{name}\0;"));
        let [kind, size, data] = [4, 4, *number].map(u32::to_le_bytes);
        let semicolon = text(";");
        file.extend([&start[..], &kind, &semicolon, &size, &semicolon, &data, &text("]")].concat());
    }
    file
}

#[test]
fn the_legacy_key_is_read_from_the_oldest_samba_too() {
    let world = World::new(Samba::Oldest);
    let controller = &world.estate.domain.controller;
    let created = world.samba_tool(&["gpo", "create", "Legacy"]);
    let object = &created[created.find('{').unwrap()..=created.find('}').unwrap()];
    let folder = format!("{POLICIES}/{object}");
    let values = [("AdmPwdEnabled", 0), ("PasswordLength", 17), ("PasswordAgeDays", 12)];
    let file = registry_pol(r"Software\Policies\Microsoft Services\AdmPwd", &values);
    // In other letters than it is asked for.
    controller.run(&["sh", "-euc", r#"cd "$1"; mv [Mm]* machine"#, "move", &folder]).unwrap();
    world.put(object, "machine/registry.pol", &file);
    controller.run(&["chmod", "0644", &format!("{folder}/machine/registry.pol")]).unwrap();
    let extension = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]";
    world.modify(object, "gPCMachineExtensionNames", extension);
    world.version(object, 1, 1);
    assert_eq!(world.policy().source(), None);
    world.samba_tool(&["gpo", "setlink", UNIT, object]);
    let shown = world.policy();
    assert_eq!((shown.unread(), shown.source()), (None, Some("Legacy LAPS")));
    assert_eq!(shown.applied(), ["Legacy"]);
    assert!(shown.setting("BackupDirectory").1.starts_with("GPO \"Legacy\" {"), "{:?}", shown.0);
    assert_eq!(world.judged(), ["Legacy".to_owned()].into());
}
