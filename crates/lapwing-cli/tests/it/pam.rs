//! `lapwing pam`, on systems in a folder.

use std::fs;

use crate::run::World;

fn write(world: &World, path: &str, text: &str) {
    let path = world.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A Debian system whose common files hold what `pam-auth-update` makes of the profile.
fn debian() -> World {
    let world = World::new();
    let common = [
        (
            "auth",
            "auth [default=ignore] pam_lapwing.so\nauth [success=1 default=ignore] pam_unix.so nullok\n",
        ),
        ("account", "account required pam_permit.so\naccount [default=ignore] pam_lapwing.so\n"),
        (
            "password",
            "password [perm_denied=die default=ignore] pam_lapwing.so\npassword required pam_unix.so\n",
        ),
    ];
    for (facility, text) in common {
        write(&world, &format!("etc/pam.d/common-{facility}"), text);
    }
    write(
        &world,
        "etc/pam.d/sshd",
        "@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
    );
    write(
        &world,
        "etc/pam.d/su",
        "auth sufficient pam_rootok.so\n@include common-auth\n@include common-account\n",
    );
    write(&world, "usr/lib/pam.d/polkit-1", "@include common-auth\n@include common-account\n");
    write(&world, "etc/pam.d/passwd", "@include common-password\n");
    world
}

#[test]
fn a_host_on_which_every_service_comes_by_the_module_passes() {
    let world = debian();
    insta::assert_snapshot!(world.run(&["pam", "check", "--root", world.root()]).text());
}

#[test]
fn services_that_do_not_come_by_the_module_are_named_with_what_is_in_the_way() {
    let world = debian();
    // Of two files of one name, the administrator's counts.
    write(&world, "etc/pam.d/polkit-1", "auth required pam_unix.so\naccount required pam_unix.so\n");
    write(
        &world,
        "etc/pam.d/login",
        "auth sufficient pam_fprintd.so\n@include common-auth\n@include common-account\n",
    );
    insta::assert_snapshot!(world.run(&["pam", "check", "--root", world.root()]).text());
}

#[test]
fn a_system_without_pam_does_not_pass() {
    let world = World::new();
    assert_eq!(world.run(&["pam", "check", "--root", world.root()]).code, 1);
    insta::assert_snapshot!(world.run(&["pam", "enable", "--root", world.root()]).text());
}

#[test]
fn what_is_found_is_told_as_json_too() {
    let world = debian();
    write(&world, "etc/pam.d/login", "auth sufficient pam_fprintd.so\n@include common-auth\n");
    let run = world.run(&["pam", "check", "--json", "--root", world.root()]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(run.out);
}
