use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A child that does what a line of shell says, in the place of the real one.
struct World {
    folder: tempfile::TempDir,
    controller: Controller,
    tickets: Tickets,
}

impl World {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("smbclient");
        // Written aside and renamed, so that no descriptor open for writing is left to a child of another test.
        fs::write(folder.path().join("new"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(folder.path().join("new"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::rename(folder.path().join("new"), &program).unwrap();
        let tickets = Tickets {
            keytab: PathBuf::from("/nonexistent"),
            principal: "HOST$@CORP.EXAMPLE".to_owned(),
            folder: folder.path().to_owned(),
            limit: Duration::from_secs(1),
        };
        let controller = Controller {
            name: "dc1.corp.example".to_owned(),
            address: [127, 0, 0, 1].into(),
            domain: "corp.example".to_owned(),
        };
        Self { folder, controller, tickets }
    }

    fn fetch(&self, len_max: usize, limit: Duration) -> Result<Vec<u8>, SysvolError> {
        let program = self.folder.path().join("smbclient");
        let sysvol =
            Sysvol { program: &program, controller: &self.controller, tickets: &self.tickets, limit };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cache = self.folder.path().join("tickets");
        // A fork of another test may hold the program open for writing for a moment.
        loop {
            match runtime.block_on(sysvol.fetch("corp.example/Policies/{1}/GPT.INI", len_max, &cache)) {
                Err(SysvolError::NotRun(error)) if error.kind() == io::ErrorKind::ExecutableFileBusy => {}
                fetched => return fetched,
            }
        }
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_the_child_writes_is_the_file_and_its_environment_and_arguments_are_ours_alone() {
    let world = World::new(r#"printf '%s\n' "$@"; env | sort"#);
    let told = String::from_utf8(world.fetch(4096, LONG).unwrap()).unwrap();
    let cache = world.folder.path().join("tickets");
    let expected = format!(
        "--configfile=/dev/null\n--use-kerberos=required\n--option=client signing=required\n\
         --option=client smb encrypt=desired\n--option=client min protocol=SMB3_00\n--debuglevel=1\n\
         --ip-address=127.0.0.1\n--command=get \"corp.example/Policies/{{1}}/GPT.INI\" -\n\
         //dc1.corp.example/sysvol\n--use-krb5-ccache=FILE:{cache}\nKRB5CCNAME=FILE:{cache}\n",
        cache = cache.display()
    );
    // What the shell sets by itself aside.
    let told: String = told
        .lines()
        .filter(|line| !line.starts_with("PWD=") && !line.starts_with("_="))
        .fold(String::new(), |text, line| format!("{text}{line}\n"));
    assert_eq!(told, expected);
}

#[test]
fn a_file_up_to_the_limit_is_read_and_a_longer_one_is_not_waited_for() {
    assert_eq!(World::new("printf 12345678").fetch(8, LONG).unwrap(), b"12345678");
    let endless = World::new("while :; do printf 123456789; done").fetch(8, LONG);
    assert!(matches!(endless, Err(SysvolError::TooLong { max: 8, .. })), "{endless:?}");
}

#[test]
fn a_child_that_takes_too_long_is_ended() {
    let world = World::new("echo $$ >\"$(dirname \"$0\")/pid\"; printf 1; exec sleep 1000");
    let program = world.folder.path().join("pid");
    let late = world.fetch(8, Duration::from_secs(2));
    assert!(matches!(late, Err(SysvolError::TimedOut { .. })), "{late:?}");
    let pid = fs::read_to_string(program).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} still runs");
}

#[test]
fn each_failure_is_told_apart() {
    let failure = |script: &str| World::new(script).fetch(4096, LONG).unwrap_err();
    let missing = failure(r"echo 'NT_STATUS_OBJECT_NAME_NOT_FOUND opening remote file \x'; exit 1");
    assert!(matches!(missing, SysvolError::Missing { .. }), "{missing}");
    let words = |script: &str| match failure(script) {
        SysvolError::Failed { words, .. } => words,
        other => panic!("{other}"),
    };
    assert_eq!(
        words("echo lo; echo 'tree connect failed: NT_STATUS_ACCESS_DENIED' >&2; exit 1"),
        "tree connect failed: NT_STATUS_ACCESS_DENIED"
    );
    assert_eq!(words("exit 3"), "exit status: 3");
    // It says that it has read more than came out.
    assert_eq!(words("printf 1; echo 'getting file x of size 2 as - (1)' >&2"), "1");
    let mut world = World::new("exit 0");
    fs::remove_file(world.folder.path().join("smbclient")).unwrap();
    assert!(matches!(world.fetch(8, LONG), Err(SysvolError::NotInstalled)));
    world.controller.name = "dc1/../c$".to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = r"\\a\sysvol\a\Policies\{31B2F340-016D-11D2-945F-00C04FB984F9}".parse().unwrap();
    let sysvol = Sysvol::new(&world.controller, &world.tickets, LONG);
    let read = runtime.block_on(sysvol.read(&folder, PolicyFile::Version));
    assert!(matches!(read, Err(SysvolError::Name(_))), "{read:?}");
}

#[test]
fn tickets_lie_in_a_folder_of_their_own_that_goes_and_what_a_killed_run_left_goes_at_the_next_start() {
    let parent = tempfile::tempdir().unwrap();
    let (one, two) = (TicketFolder::new(parent.path()).unwrap(), TicketFolder::new(parent.path()).unwrap());
    assert_ne!(one.file(), two.file());
    assert_eq!(fs::metadata(&one.0).unwrap().permissions().mode() & 0o777, 0o700);
    fs::write(one.file(), b"tickets").unwrap();
    fs::write(parent.path().join("krb5.conf"), b"").unwrap();
    let killed = parent.path().join("sysvol-1-0");
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join("tickets"), b"tickets").unwrap();
    drop(one);
    assert!(two.0.exists());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    drop(two);
    clear(parent.path()).unwrap();
    let left: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["krb5.conf"]);
    clear(&parent.path().join("none")).unwrap();
}
