//! The packages, as an administrator installs, upgrades and removes them.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use xtask::lab::{Host, Kind, Lab};
use xtask::package::{self, Form, Order};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::Scene;
use xtask::sys;

use crate::support::{close_account, processes, wait_until_idle};

/// What is on every managed host.
const AGENT: [&str; 3] = ["lapwing", "lapwing-agent", "libpam-lapwing"];

/// What goes together with the agent.
const REMOVED: [&str; 2] = [AGENT[1], AGENT[2]];

/// How much of the host a unit may reach, by the count of `systemd-analyze security`, times ten.
const EXPOSURE_MAX: [(&str, u32); 3] =
    [("lapwingd.service", 20), ("lapwing-priv@.service", 33), ("lapwing-recover.service", 33)];

/// Every file that says how somebody logs on.
const PAM_FILES: &str =
    "find /etc/pam.d /usr/lib/pam.d /usr/share/pam-configs /var/lib/pam -type f | sort | xargs sha256sum";

/// Packages made of the programs that are built, the first time and anew.
struct Shelf {
    programs: PathBuf,
    folder: PathBuf,
}

impl Shelf {
    fn new(lab: &Lab) -> Self {
        Self {
            programs: programs::build(Build::WithFailPoints).unwrap(),
            folder: lab.folder().join(".packages"),
        }
    }

    fn make(&self, form: Form, version: &str, names: &[&str]) -> Vec<PathBuf> {
        let order = Order { programs: &self.programs, version, out: &self.folder, names, is_small: false };
        package::make(&order, form).unwrap()
    }

    /// Makes Debian's packages and copies them to a host; where they are there.
    fn deliver(&self, host: &Host, version: &str, names: &[&str]) -> Vec<String> {
        let deliver = |file: &PathBuf| {
            let path = format!("/root/{}", file.file_name().unwrap().to_str().unwrap());
            host.copy_in(file, &path, 0o644).unwrap();
            path
        };
        self.make(Form::Deb, version, names).iter().map(deliver).collect()
    }
}

fn dpkg(host: &Host, option: &str, what: &[String]) -> Command {
    let mut command = host.command("dpkg");
    command.arg(option).args(what).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn succeeded(output: Output) -> String {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
    said
}

fn must_do(host: &Host, option: &str, what: &[String]) -> String {
    succeeded(dpkg(host, option, what).output().unwrap())
}

/// The password of record opens the account.
fn opens(scene: &Scene) {
    scene.must_open(&scene.password().unwrap()).unwrap();
}

/// Lets a unit's processes meet a fail point, until [`disarm`].
fn arm(host: &Host, unit: &str, lines: &str) {
    let path = format!("/etc/systemd/system/{unit}.d/fail.conf");
    host.write(&path, 0o644, format!("[Service]\n{lines}\n").as_bytes()).unwrap();
    host.run(&["systemctl", "daemon-reload"]).unwrap();
}

fn disarm(host: &Host, unit: &str) {
    host.run(&["rm", "--recursive", &format!("/etc/systemd/system/{unit}.d")]).unwrap();
    host.run(&["systemctl", "daemon-reload"]).unwrap();
}

fn main_pid(host: &Host) -> String {
    host.run(&["systemctl", "show", "--property=MainPID", "--value", "lapwingd.service"]).unwrap()
}

#[test]
fn the_password_of_record_opens_the_account_after_install_upgrade_removal_and_purge() {
    let lab = Lab::new().unwrap();
    let shelf = Shelf::new(&lab);
    let mut scene = Scene::set(lab, &shelf.programs).unwrap();
    let pam_files = scene.host.run(&["sh", "-c", PAM_FILES]).unwrap();

    let first = shelf.deliver(&scene.host, "0.1.0", &AGENT);
    must_do(&scene.host, "--install", &first);
    scene.host.run(&["useradd", "--create-home", "--shell", "/bin/bash", ACCOUNT]).unwrap();
    programs::allow_container(&scene.host).unwrap();
    scene
        .set_policy("BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n")
        .unwrap();
    scene.enrol().unwrap();
    scene.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    opens(&scene);
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    opens(&scene);
    units_are_sandboxed_and_switched_on(&scene.host);
    // Events are explained by the journal's own catalogue.
    let explained = ["journalctl", "--quiet", "--catalog", "--identifier=lapwingd", "EVENT_ID=10020"];
    let explained = scene.host.run(&explained).unwrap();
    assert!(explained.contains("Subject: The local account has the new password"), "{explained}");

    let second = shelf.deliver(&scene.host, "0.2.0", &AGENT);
    is_upgraded_in_the_middle_of_a_commit(&scene, &second);
    is_not_removed_while_a_change_is_undecided(&mut scene, &second);

    is_removed_in_the_middle_of_a_commit(&scene);
    opens(&scene);
    assert_eq!(scene.host.run(&["sh", "-c", PAM_FILES]).unwrap(), pam_files);

    // The removed package's state is the next one's.
    must_do(&scene.host, "--install", &second);
    wait_until_idle(&scene, "a package was installed again");
    opens(&scene);
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    close_account(&scene);
    must_do(&scene.host, "--purge", &AGENT.map(str::to_owned));
    opens(&scene);
    assert_eq!(scene.host.run(&["sh", "-c", PAM_FILES]).unwrap(), pam_files);
    let ours = ["-name", "lapwing*"];
    let state = [&["find", "/var/lib", "-maxdepth", "1"], &ours[..]].concat();
    let enabled = [&["find", "/etc/systemd/system"], &ours[..]].concat();
    assert_eq!([state, enabled].map(|find| scene.host.run(&find).unwrap()), ["", ""]);
}

fn units_are_sandboxed_and_switched_on(host: &Host) {
    for (unit, exposure) in EXPOSURE_MAX {
        let threshold = format!("--threshold={exposure}");
        host.run(&["systemd-analyze", "security", "--offline=true", "--no-pager", &threshold, unit]).unwrap();
    }
    let mut verify = host.command("systemd-analyze");
    verify.args(["verify", "--man=no", "lapwingd.socket", "lapwing-priv.socket", "lapwing-log-on.socket"]);
    verify.args(EXPOSURE_MAX.map(|(unit, _)| unit));
    assert_eq!(succeeded(verify.output().unwrap()), "");
    for unit in programs::UNITS {
        assert_eq!(host.run(&["systemctl", "is-enabled", unit]).unwrap(), "enabled\n", "{unit}");
    }
    // Every file is as it was packed, and dpkg knows of no file of root's own that an upgrade would ask about.
    host.run(&[&["dpkg", "--verify"][..], &AGENT].concat()).unwrap();
    let conffiles = [&["dpkg-query", "--show", "--showformat=${Conffiles}"][..], &AGENT].concat();
    assert_eq!(host.run(&conffiles).unwrap(), "");
    host.run(&["lapwing", "pam", "check"]).unwrap();
}

/// A rotation in which the root half halts once the acknowledgement is recorded, and the account is not yet changed.
struct Halted {
    asked: Child,
    pid: String,
    before: String,
}

impl Halted {
    fn new(scene: &Scene) -> Self {
        let (host, unit) = (&scene.host, "lapwing-priv@.service");
        let before = scene.password().unwrap();
        arm(host, unit, "Environment=LAPWING_FAILPOINT=stop:commit.after_record");
        let asked = host.command("lapwing").arg("reset-password").stderr(Stdio::null()).spawn().unwrap();
        let mut pid = String::new();
        host.wait_until("the root half halts", Duration::from_secs(30), |host| {
            pid = processes(host, &["--runstates", "T", "--full", "lapwingd-priv"])?;
            Ok(!pid.is_empty())
        })
        .unwrap();
        disarm(host, unit);
        Self { asked, pid, before }
    }

    /// Lets the request go on while `work` waits for it, and checks that the change is whole then; what `work` said.
    fn goes_on(mut self, scene: &Scene, mut work: Child) -> String {
        // The directory has the next password and the account does not.
        scene.must_open(&self.before).unwrap();
        assert!(work.try_wait().unwrap().is_none(), "nobody waited for the request under way");
        scene.host.run(&["kill", "-CONT", self.pid.trim()]).unwrap();
        let said = succeeded(work.wait_with_output().unwrap());
        self.asked.wait().unwrap();
        let after = scene.password().unwrap();
        assert_ne!(after, self.before);
        scene.must_open(&after).unwrap();
        // Its caller may be gone; that is no reason to end it early.
        let journal = ["journalctl", "--output=cat", "--unit=lapwing-priv@*"];
        let journal = scene.host.run(&journal).unwrap();
        assert!(journal.contains("Started lapwing-priv@"), "{journal}");
        for end in ["signal", "timeout", "core-dump"] {
            assert!(!journal.contains(&format!("result '{end}'")), "{journal}");
        }
        said
    }
}

/// Begins what [`Halted::goes_on`] ends.
fn begin(host: &Host, option: &str, what: &[String]) -> Child {
    dpkg(host, option, what).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn is_upgraded_in_the_middle_of_a_commit(scene: &Scene, packages: &[String]) {
    let host = &scene.host;
    let agent = main_pid(host);
    let halted = Halted::new(scene);
    let upgrade = begin(host, "--install", packages);
    host.wait_until("the agent is stopped", Duration::from_secs(60), |host| Ok(main_pid(host) != agent))
        .unwrap();
    halted.goes_on(scene, upgrade);
    wait_until_idle(scene, "an upgrade");
    let version = host.run(&["dpkg-query", "--show", "--showformat=${Version}", AGENT[1]]).unwrap();
    assert_eq!(version, "0.2.0");
}

fn is_removed_in_the_middle_of_a_commit(scene: &Scene) {
    let halted = Halted::new(scene);
    let removal = begin(&scene.host, "--remove", &REMOVED.map(str::to_owned));
    scene
        .host
        .wait_until("the removal asks for the journal", Duration::from_secs(60), |host| {
            Ok(!processes(host, &["--full", "^/usr/libexec/lapwing/lapwingd-priv show"])?.is_empty())
        })
        .unwrap();
    let said = halted.goes_on(scene, removal);
    assert!(said.contains("lapwing get-aad-password device --include-passwords"), "{said}");
}

/// The agent dies when the directory has a password that the account has not, and the directory is away then.
fn is_not_removed_while_a_change_is_undecided(scene: &mut Scene, packages: &[String]) {
    let (unit, agent) = ("lapwingd.service", REMOVED.map(str::to_owned));
    let before = scene.password().unwrap();
    arm(&scene.host, unit, "Restart=no\nEnvironment=LAPWING_FAILPOINT=agent.after_store");
    scene.host.run(&["systemctl", "restart", unit]).unwrap();
    assert!(!scene.host.command("lapwing").arg("reset-password").output().unwrap().status.success());
    scene.kill_server().unwrap();
    disarm(&scene.host, unit);
    scene.host.run(&["systemctl", "reset-failed", unit]).unwrap();
    scene.host.run(&["systemctl", "start", unit]).unwrap();

    let refused = dpkg(&scene.host, "--remove", &agent).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("a change is undecided"), "{refused:?}");
    // It works on.
    scene.host.run(&["lapwing", "status"]).unwrap();
    scene.must_open(&before).unwrap();

    // Whoever has it removed anyway keeps what can settle it.
    scene.host.write("/run/lapwing/remove-anyway", 0o644, b"").unwrap();
    let said = must_do(&scene.host, "--purge", &agent);
    assert!(said.contains("kept /var/lib/lapwing-priv"), "{said}");
    scene.must_open(&before).unwrap();
    scene.host.run(&["rm", "/run/lapwing/remove-anyway"]).unwrap();
    scene.start_server(None).unwrap();
    must_do(&scene.host, "--install", packages);
    wait_until_idle(scene, "a removal that was forced");
    opens(scene);
}

#[test]
fn on_debian_12_too_all_is_installed_and_a_server_is_purged_without_its_passwords() {
    let lab = Lab::new().unwrap();
    let shelf = Shelf::new(&lab);
    let host = lab.boot_kind("older", Kind::OlderController).unwrap();
    let names = ["lapwing", "lapwing-agent", "libpam-lapwing", "lapwing-server", "lapwing-kds"];
    must_do(&host, "--install", &shelf.deliver(&host, "0.1.0", &names));
    units_are_sandboxed_and_switched_on(&host);
    host.run(&["lapwing", "status"]).unwrap();
    let is = |question: &str, unit: &str| {
        let output = host.command("systemctl").args([question, unit]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // It waits for its set-up; the other is for domain controllers alone.
    assert_eq!(
        (is("is-enabled", "lapwing-server"), is("is-active", "lapwing-server")),
        ("enabled".to_owned(), "inactive".to_owned())
    );
    assert_eq!(
        (is("is-enabled", "lapwing-kds"), is("is-active", "lapwing-kds")),
        ("disabled".to_owned(), "inactive".to_owned())
    );
    let set_up = [
        "lapwing-server",
        "setup",
        "--data",
        "/var/lib/lapwing-server",
        "--url",
        "https://server:8443",
        "--tenant-name",
        "T",
    ];
    host.run(&set_up).unwrap();
    host.run(&["systemctl", "start", "lapwing-server"]).unwrap();
    for program in ["lapwing-server", "lapwing-kds"] {
        names_its_commands(&host, program);
    }
    let said = must_do(&host, "--purge", &names.map(str::to_owned));
    assert!(said.contains("kept /var/lib/lapwing-server"), "{said}");
    host.run(&["test", "-e", "/var/lib/lapwing-server/kek.toml"]).unwrap();
}

/// The program's man page, which is written by hand, has each of its commands.
fn names_its_commands(host: &Host, program: &str) {
    let help = host.run(&[program, "--help"]).unwrap();
    let page = std::fs::read_to_string(sys::workspace().join(format!("dist/man/{program}.8"))).unwrap();
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands.map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(commands.len() > 1, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(page.contains(&format!(".B {}", command.replace('-', "\\-"))), "{program} {command}");
    }
}

#[test]
fn every_script_of_a_package_is_one_that_a_shell_reads() {
    let dist = sys::workspace().join("dist");
    let mut scripts = vec![dist.join("retire.sh")];
    for folder in ["deb", "rpm"] {
        let files = std::fs::read_dir(dist.join(folder)).unwrap().map(|file| file.unwrap().path());
        scripts.extend(files.filter(|file| file.extension().is_none_or(|form| form != "preset")));
    }
    assert!(scripts.len() > 10);
    for script in scripts {
        sys::output(sys::command("sh").arg("-n").arg(script)).unwrap();
    }
}

#[test]
fn an_rpm_has_the_same_programs_and_says_what_it_needs() {
    let lab = Lab::new().unwrap();
    let shelf = Shelf::new(&lab);
    let files = shelf.make(Form::Rpm, "0.1.0", &[]);
    let ask =
        |question: &[&str], file: &PathBuf| sys::text(sys::command("rpm").args(question).arg(file)).unwrap();
    let lists: String = files.iter().map(|file| ask(&["--query", "--package", "--list"], file)).collect();
    for path in [
        "/usr/bin/lapwing",
        "/usr/sbin/lapwingd",
        "/usr/libexec/lapwing/lapwingd-priv",
        "/usr/lib64/security/pam_lapwing.so",
        "/usr/sbin/lapwing-server",
        "/usr/sbin/lapwing-kds",
        "/usr/lib/systemd/system/lapwingd.service",
        "/usr/share/man/man1/lapwing-enrol.1.gz",
        "/usr/share/man/man8/lapwingd.8.gz",
        "/usr/share/zsh/site-functions/_lapwing",
    ] {
        assert!(lists.lines().any(|line| line == path), "{path} is missing:\n{lists}");
    }
    let agent = files.iter().find(|file| file.display().to_string().contains("agent")).unwrap();
    let needs = ask(&["--query", "--package", "--requires"], agent);
    for need in ["lapwing = 0.1.0", "libgssapi_krb5.so.2()(64bit)", "systemd", "pam"] {
        assert!(needs.lines().any(|line| line == need), "{need} is missing:\n{needs}");
    }
    let scripts = ask(&["--query", "--package", "--scripts"], agent);
    assert!(scripts.contains("/usr/libexec/lapwing/retire || exit 1"), "{scripts}");
    let owners =
        ask(&["--query", "--package", "--queryformat", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]"], agent);
    assert!(owners.lines().all(|owner| owner == "root:root"), "{owners}");

    // Nothing of the moment is in them.
    let read =
        |files: Vec<PathBuf>| files.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>();
    let again = |form| read(shelf.make(form, "0.1.0", &["lapwing-agent"]));
    assert!(
        again(Form::Rpm) == vec![std::fs::read(agent).unwrap()],
        "another rpm of the same programs differs"
    );
    assert!(again(Form::Deb) == again(Form::Deb), "another deb of the same programs differs");
}
