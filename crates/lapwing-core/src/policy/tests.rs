use core::time::Duration;

use super::*;

mod every_setting;
mod never_out_of_range;
mod roots;

const MEMBER: PolicyContext = PolicyContext { role: HostRole::Member, announced_age_min: None };
const DOMAIN_CONTROLLER: PolicyContext =
    PolicyContext { role: HostRole::DomainController, announced_age_min: None };

fn number(number: i64) -> RawValue {
    RawValue::Integer(number)
}

fn words(text: &str) -> RawValue {
    RawValue::Text(text.to_owned())
}

fn under(root: PolicyRoot, values: &[(&str, RawValue)]) -> RawPolicy {
    let entry = |(line, (name, value)): (usize, &(&str, RawValue))| RawEntry {
        name: (*name).to_owned(),
        value: value.clone(),
        origin: format!("{root}:{}", line + 1),
    };
    RawPolicy { root, entries: values.iter().enumerate().map(entry).collect() }
}

/// The outcome of a local policy.
fn local(values: &[(&str, RawValue)], context: &PolicyContext) -> Resolution {
    resolve(&[under(PolicyRoot::Local, values)], context)
}

fn managed(resolution: &Resolution) -> &ManagedPolicy {
    match &resolution.policy {
        EffectivePolicy::Managed(policy) => policy,
        other => panic!("nothing is managed: {other:?}"),
    }
}

fn explained(resolution: &Resolution, setting: Setting) -> &Explanation {
    resolution.explanations.iter().find(|explanation| explanation.setting == setting).unwrap()
}

/// What `get-policy` would print, one line for each root, setting, value and unknown name.
fn report(resolution: &Resolution) -> String {
    let mut lines = Vec::new();
    for root in &resolution.roots {
        lines.push(format!("{}: {} values, {:?}", root.root, root.values, root.standing));
    }
    for explanation in &resolution.explanations {
        let effective = explanation.effective.as_deref().unwrap_or("-");
        lines.push(format!("{} = {effective} ({})", explanation.setting, explanation.source.name()));
        for seen in &explanation.seen {
            let event = seen.verdict.event().map(|event| format!(" [{event}]")).unwrap_or_default();
            lines.push(format!("    {} from {}: {}{event}", seen.value, seen.origin, seen.verdict));
        }
    }
    for unknown in &resolution.unknown {
        let hint = unknown.did_you_mean.map(|name| format!(", did you mean {name}?")).unwrap_or_default();
        lines.push(format!("unknown: {:?} from {}{hint}", unknown.name, unknown.origin));
    }
    lines.join("\n")
}

#[test]
fn a_policy_explains_itself_value_by_value() {
    let resolution = resolve(
        &[
            under(
                PolicyRoot::Local,
                &[("PasswordLength", number(20)), ("PassphraseWordList", words("birds"))],
            ),
            under(
                PolicyRoot::GroupPolicy,
                &[
                    ("BackupDirectory", number(1)),
                    ("PasswordAgeDays", number(3)),
                    ("passwordcomplexity", number(7)),
                    ("PassphraseLength", number(11)),
                    ("PasswordLength", number(20)),
                    ("PasswordExpirationProtectionEnabled", words("yes")),
                    ("ADPasswordEncryptionPrincipal", words("CORP\\Readers")),
                    ("PassphraseWordList", words("birds")),
                    ("AdministratorAccountName", words("lapadmin")),
                    ("AutomaticAccountManagementEnabled", number(1)),
                    ("AutomaticAccountManagementRandomizeName", RawValue::Boolean(true)),
                    ("AutomaticAccountManagementNameOrPrefix", words("local-administrator")),
                    ("PostAuthenticationActions", number(5)),
                    ("PostAuthenticationActions", number(11)),
                    ("PostAuthenticationResetDelai", number(1)),
                ],
            ),
        ],
        &MEMBER,
    );
    insta::assert_snapshot!(report(&resolution));
}

#[test]
fn an_age_below_the_clouds_minimum_is_raised_and_reported() {
    let announced =
        |days| PolicyContext { announced_age_min: Some(PasswordAgeDays::parse(days).unwrap()), ..MEMBER };
    for (context, configured, expected, raised) in [
        (MEMBER, 0, 7, true),
        (MEMBER, 1, 7, true),
        (MEMBER, 6, 7, true),
        (MEMBER, 7, 7, false),
        (announced(1), 1, 1, false),
        (announced(1), 0, 1, true),
        (announced(3), 2, 3, true),
        (announced(3), 3, 3, false),
        // Only a lower minimum counts.
        (announced(30), 6, 7, true),
        (announced(30), 8, 8, false),
    ] {
        let values = [("BackupDirectory", number(1)), ("PasswordAgeDays", number(configured))];
        let resolution = local(&values, &context);
        assert_eq!(managed(&resolution).age.days(), expected, "{configured} {context:?}");
        let explanation = explained(&resolution, Setting::PasswordAgeDays);
        let events: Vec<_> = explanation.findings().filter_map(|seen| seen.verdict.event()).collect();
        assert_eq!(events, if raised { vec![10058] } else { vec![] }, "{configured} {context:?}");
        assert_eq!(explanation.source == ValueSource::Adjusted, raised);
    }
}

#[test]
fn active_directory_takes_an_age_of_one_day_and_replaces_none_by_the_default() {
    for (configured, expected) in [(1, 1), (6, 6), (0, 30)] {
        let values = [("BackupDirectory", number(2)), ("PasswordAgeDays", number(configured))];
        assert_eq!(managed(&local(&values, &MEMBER)).age.days(), expected);
    }
}

#[test]
fn nobody_takes_the_place_of_an_unusable_principal() {
    let with = |principal| {
        let values = [("BackupDirectory", number(2)), ("ADPasswordEncryptionPrincipal", principal)];
        local(&values, &MEMBER)
    };
    let principal = |resolution: &Resolution| match &managed(resolution).target {
        BackupTarget::ActiveDirectory { encryption: Encryption::On { principal, .. }, .. } => {
            principal.clone()
        }
        other => panic!("not encrypted: {other:?}"),
    };
    for (text, event) in [
        ("Readers", 10034),
        ("Domain Admins", 10034),
        ("\"CORP\\Readers\"", 10035),
        ("[CORP\\Readers]", 10035),
        ("CORP\\", 10035),
        ("\\Readers", 10035),
        ("@corp.example", 10035),
        (" CORP\\Readers", 10035),
        ("CORP\\Readers;CORP\\Others", 10035),
        ("S-1-5-x", 10036),
    ] {
        let resolution = with(words(text));
        assert_eq!(principal(&resolution).unwrap_err().event(), event, "{text}");
        let explanation = explained(&resolution, Setting::ADPasswordEncryptionPrincipal);
        assert_eq!((explanation.source, &explanation.effective), (ValueSource::Unusable, &None));
        assert_eq!(explanation.seen[0].verdict.event(), Some(event));
    }
    assert!(principal(&with(number(512))).is_err());
    assert_eq!(principal(&with(words(""))), Ok(EncryptionPrincipal::DomainAdmins));
    for text in ["S-1-5-21-1-2-3-512", "CORP\\LAPS Readers", "readers@corp.example"] {
        let parsed = principal(&with(words(text))).unwrap();
        assert_ne!(parsed, EncryptionPrincipal::DomainAdmins);
        assert_eq!(parsed.to_string(), text);
    }
}

#[test]
fn the_built_in_administrator_takes_no_other_accounts_place() {
    let with = |name| local(&[("BackupDirectory", number(1)), ("AdministratorAccountName", name)], &MEMBER);
    for name in [words(" lapadmin"), words("lapadmin "), words("a:b"), number(500), RawValue::Boolean(true)] {
        let resolution = with(name.clone());
        assert!(managed(&resolution).account.is_err(), "{name}");
        let explanation = explained(&resolution, Setting::AdministratorAccountName);
        assert_eq!(explanation.source, ValueSource::Unusable);
        assert_eq!(explanation.seen[0].verdict.event(), Some(10013));
    }
    assert_eq!(managed(&with(words(""))).account, Ok(AccountChoice::BuiltIn));
    assert_eq!(
        managed(&with(words("lapadmin"))).account,
        Ok(AccountChoice::Named("lapadmin".parse().unwrap()))
    );
}

#[test]
fn an_automatic_name_is_cut_to_what_its_suffix_leaves() {
    let with = |name: &str, random| {
        local(
            &[
                ("BackupDirectory", number(1)),
                ("AutomaticAccountManagementEnabled", number(1)),
                ("AutomaticAccountManagementNameOrPrefix", words(name)),
                ("AutomaticAccountManagementRandomizeName", number(random)),
            ],
            &MEMBER,
        )
    };
    for (name, random, expected, event) in [
        ("12345678901234567890", 0, "12345678901234567890", None),
        ("123456789012345678901", 0, "12345678901234567890", Some(10092)),
        ("12345678901234", 1, "12345678901234", None),
        ("123456789012345", 1, "12345678901234", Some(10092)),
        ("éééééééééééééé", 1, "éééééééééééééé", None),
        ("cut_at_a_here and more", 1, "cut_at_a_here", Some(10092)),
        ("cut after it: a blank", 0, "WLapsAdmin", None),
        ("", 1, "WLapsAdmin", None),
    ] {
        let resolution = with(name, random);
        let Ok(AccountChoice::Automatic(account)) = &managed(&resolution).account else {
            panic!("{name}: not automatic")
        };
        assert_eq!(account.name.base().as_str(), expected);
        assert_eq!(account.name.naming() == Naming::RandomSuffix, random == 1);
        assert!(!account.enabled, "disabled unless policy says otherwise");
        let explanation = explained(&resolution, Setting::AutomaticAccountManagementNameOrPrefix);
        assert_eq!(explanation.effective.as_deref(), Some(expected));
        assert_eq!(explanation.seen[0].verdict.event(), event, "{name}");
    }
}

#[test]
fn a_delay_of_zero_switches_post_authentication_off() {
    let delay = |values: &[(&str, RawValue)]| {
        let mut all = vec![("BackupDirectory", number(1))];
        all.extend_from_slice(values);
        managed(&local(&all, &MEMBER)).post_authentication.map(|post| post.delay)
    };
    let (hours, minutes) = ("PostAuthenticationResetDelay", "PostAuthenticationResetDelayMinutes");
    assert_eq!(delay(&[]), Some(Duration::from_hours(24)));
    assert_eq!(delay(&[(hours, number(0))]), None);
    assert_eq!(delay(&[(hours, number(1))]), Some(Duration::from_hours(1)));
    assert_eq!(delay(&[(hours, number(1)), (minutes, number(5))]), Some(Duration::from_mins(5)));
    assert_eq!(delay(&[(hours, number(1)), (minutes, number(0))]), None);
    assert_eq!(delay(&[(hours, number(1)), (minutes, number(1441))]), Some(Duration::from_hours(1)));
}

#[test]
fn a_domain_controller_never_stores_its_dsrm_password_in_clear_text() {
    let dsrm = |wanted, encrypted, context| {
        let resolution = local(
            &[
                ("BackupDirectory", number(2)),
                ("ADBackupDSRMPassword", number(wanted)),
                ("ADPasswordEncryptionEnabled", number(encrypted)),
            ],
            context,
        );
        let event = explained(&resolution, Setting::ADBackupDSRMPassword).seen[0].verdict.event();
        match managed(&resolution).target {
            BackupTarget::ActiveDirectory { dsrm, .. } => (dsrm, event),
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(dsrm(1, 1, &DOMAIN_CONTROLLER), (DsrmBackup::On, None));
    assert_eq!(dsrm(1, 0, &DOMAIN_CONTROLLER), (DsrmBackup::Unprotected, Some(10064)));
    assert_eq!(dsrm(0, 0, &DOMAIN_CONTROLLER), (DsrmBackup::Off, None));
    assert_eq!(dsrm(1, 1, &MEMBER), (DsrmBackup::Off, None));
}
