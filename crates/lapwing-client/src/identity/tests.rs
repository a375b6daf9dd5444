use std::os::unix::fs::PermissionsExt as _;

use super::*;

pub(super) fn certificate_for(key: &DeviceKey) -> CertificateDer<'static> {
    let parameters = rcgen::CertificateParams::default();
    parameters.self_signed(&key.for_requests().unwrap()).unwrap().der().clone()
}

pub(super) fn identity(authority: bool) -> Identity {
    let key = DeviceKey::generate().unwrap();
    let certificate = certificate_for(&key);
    Identity {
        settings: AgentSettings {
            server: "https://laps.example:8443".parse().unwrap(),
            tenant: "f3531ec6-6330-4f8e-8d39-7a671fbac605".parse().unwrap(),
            device: "00000000-6330-4f8e-8d39-7a671fbac605".parse().unwrap(),
            admin_group: None,
            proxy: None,
        },
        authority: authority.then(|| certificate.clone()),
        key,
        certificate,
    }
}

pub(super) fn root() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path().to_owned());
    (folder, root)
}

#[test]
fn an_identity_reads_as_it_was_saved_and_keeps_to_itself() {
    let (_folder, root) = root();
    let saved = identity(true);
    saved.save(&root).unwrap();
    let read = Identity::load(&root).unwrap();
    assert_eq!(read.settings, saved.settings);
    assert_eq!(read.certificate, saved.certificate);
    assert_eq!(read.authority, saved.authority);
    assert_eq!(read.key.expose_pkcs8(), saved.key.expose_pkcs8());
    for path in [root.device_key(), root.device_certificate(), root.authority()] {
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
    assert!(!format!("{read:?}").contains("PRIVATE"));
}

#[test]
fn an_enrolled_host_may_have_settings_for_a_domain_too() {
    let (_folder, root) = root();
    let saved = identity(false);
    saved.save(&root).unwrap();
    let path = root.agent_settings();
    let lines = format!("{}\n[active_directory]\nsite = \"Hill\"\n", std::fs::read_to_string(&path).unwrap());
    std::fs::write(&path, &lines).unwrap();
    assert_eq!(AgentSettings::load(&root).unwrap(), saved.settings);
    let domain = crate::ad::AdSettings::parse(lines.as_bytes()).unwrap();
    assert_eq!(domain.site.unwrap().as_str(), "Hill");
}

#[test]
fn a_policy_of_an_enrolment_that_somebody_removed_by_hand_is_not_that_of_the_next_one() {
    let (_folder, root) = root();
    identity(true).save(&root).unwrap();
    std::fs::write(root.csp(), "{}").unwrap();
    std::fs::remove_file(root.agent_settings()).unwrap();
    identity(true).save(&root).unwrap();
    assert!(!root.csp().exists());
}

#[test]
fn enrolling_anew_without_a_pinned_authority_forgets_the_old_one() {
    let (_folder, root) = root();
    identity(true).save(&root).unwrap();
    identity(false).save(&root).unwrap();
    assert_eq!(Identity::load(&root).unwrap().authority, None);
}

#[test]
fn saving_and_leaving_keep_the_administrators_own_lines() {
    let (_folder, root) = root();
    std::fs::create_dir_all(root.path("/etc/lapwing")).unwrap();
    std::fs::write(root.agent_settings(), "# ours\nadmin_group = \"wheel\" # who may ask\n").unwrap();
    assert!(matches!(AgentSettings::load(&root), Err(IdentityError::NotEnrolled { .. })));
    identity(true).save(&root).unwrap();
    assert_eq!(AgentSettings::load(&root).unwrap().admin_group.as_deref(), Some("wheel"));
    Identity::remove(&root).unwrap();
    assert!(matches!(Identity::load(&root), Err(IdentityError::NotEnrolled { .. })));
    assert!(!root.device_key().exists());
    let text = std::fs::read_to_string(root.agent_settings()).unwrap();
    assert_eq!(text, "# ours\nadmin_group = \"wheel\" # who may ask\n");
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_and_stays_as_it_is() {
    let (_folder, root) = root();
    std::fs::create_dir_all(root.path("/etc/lapwing")).unwrap();
    let latin_1 = b"# f\xfcr uns\nadmin_group = \"wheel\"\n";
    std::fs::write(root.agent_settings(), latin_1).unwrap();
    assert!(matches!(identity(true).save(&root), Err(IdentityError::Settings { .. })));
    assert!(matches!(AgentSettings::load(&root), Err(IdentityError::Settings { .. })));
    assert_eq!(std::fs::read(root.agent_settings()).unwrap(), latin_1);
}

#[test]
fn a_proxy_is_known_before_and_after_enrolment_and_stays() {
    let (_folder, root) = root();
    assert_eq!(AgentSettings::load_proxy(&root).unwrap(), None);
    std::fs::create_dir_all(root.path("/etc/lapwing")).unwrap();
    std::fs::write(root.agent_settings(), "proxy = \"http://proxy:3128\"\n").unwrap();
    let proxy = AgentSettings::load_proxy(&root).unwrap();
    assert_eq!(proxy, Some("http://proxy:3128".parse().unwrap()));
    identity(true).save(&root).unwrap();
    assert_eq!(AgentSettings::load(&root).unwrap().proxy, proxy);
    assert_eq!(AgentSettings::load_proxy(&root).unwrap(), proxy);
    Identity::remove(&root).unwrap();
    assert_eq!(AgentSettings::load_proxy(&root).unwrap(), proxy);
    std::fs::write(root.agent_settings(), "proxy = \"proxy:3128\"\n").unwrap();
    assert!(matches!(AgentSettings::load_proxy(&root), Err(IdentityError::Settings { .. })));
}

#[test]
fn the_proxys_password_is_read_from_a_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, root) = root();
    std::fs::create_dir_all(root.path("/etc/lapwing")).unwrap();
    let settings = "proxy = \"http://proxy:3128\"\nno_proxy = [\"laps.example\"]\n";
    std::fs::write(root.agent_settings(), settings).unwrap();
    let without = AgentSettings::load_proxy(&root).unwrap().unwrap();
    let path = root.proxy_credentials();
    std::fs::write(&path, "user:needle\n").unwrap();
    for (mode, exposed) in [(0o644, true), (0o604, true), (0o660, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = AgentSettings::load_proxy(&root);
        let is_exposed = matches!(read, Err(IdentityError::Exposed { .. }));
        assert_eq!((is_exposed, read.is_ok()), (exposed, !exposed), "{mode:o}");
    }
    let with = AgentSettings::load_proxy(&root).unwrap().unwrap();
    assert_ne!(with, without);
    identity(true).save(&root).unwrap();
    assert_eq!(AgentSettings::load(&root).unwrap().proxy, Some(with));
    std::fs::write(&path, "needle").unwrap();
    let error = AgentSettings::load_proxy(&root).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("needle"), "{error:?}");
}

#[test]
fn damage_is_told_apart_from_absence() {
    let (_folder, root) = root();
    assert!(matches!(Identity::load(&root), Err(IdentityError::NotEnrolled { .. })));
    identity(true).save(&root).unwrap();
    std::fs::write(root.device_key(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .unwrap();
    assert!(matches!(Identity::load(&root), Err(IdentityError::Damaged { .. })));
    std::fs::write(root.agent_settings(), "server = \"https://h\"\nsevrer = 1\n").unwrap();
    assert!(matches!(Identity::load(&root), Err(IdentityError::Settings { .. })));
}

#[test]
fn the_public_half_has_the_form_of_the_join_request() {
    let key = DeviceKey::generate().unwrap();
    let blob = key.public_blob().unwrap();
    assert_eq!((blob.exponent.as_slice(), blob.modulus.len()), (&[1, 0, 1][..], 256));
}
