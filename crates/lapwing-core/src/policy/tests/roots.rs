use super::*;

#[test]
fn the_first_root_with_any_laps_value_wins_whole() {
    for (index, winner) in PolicyRoot::ALL.iter().enumerate() {
        let held: Vec<RawPolicy> = PolicyRoot::ALL[index..]
            .iter()
            .rev()
            .map(|root| under(*root, &[(root.name_of(Setting::PasswordLength).unwrap(), number(20))]))
            .collect();
        let resolution = resolve(&held, &MEMBER);
        assert_eq!(resolution.winner, Some(*winner));
        for report in &resolution.roots {
            let expected = match report.root.cmp(winner) {
                core::cmp::Ordering::Less => Standing::Empty,
                core::cmp::Ordering::Equal => Standing::Wins,
                core::cmp::Ordering::Greater => Standing::Loses,
            };
            assert_eq!((report.standing, report.values), (expected, usize::from(report.root >= *winner)));
        }
        for seen in explained(&resolution, Setting::PasswordLength).seen.iter().skip(1) {
            assert_eq!(seen.verdict, Verdict::RootLost(*winner));
        }
    }
}

#[test]
fn a_stray_csp_value_switches_group_policy_off() {
    let group_policy = under(
        PolicyRoot::GroupPolicy,
        &[("BackupDirectory", number(2)), ("PasswordAgeDays", number(10)), ("PasswordLength", number(30))],
    );
    assert_eq!(managed(&resolve(core::slice::from_ref(&group_policy), &MEMBER)).age.days(), 10);

    for stray in [("PasswordLength", number(20)), ("PasswordLength", words("malformed"))] {
        let resolution = resolve(&[under(PolicyRoot::Csp, &[stray]), group_policy.clone()], &MEMBER);
        assert_eq!(resolution.policy, EffectivePolicy::Disabled);
        assert_eq!(resolution.winner, Some(PolicyRoot::Csp));
        let directory = explained(&resolution, Setting::BackupDirectory);
        assert_eq!(directory.source, ValueSource::Default);
        assert_eq!(directory.seen[0].verdict, Verdict::RootLost(PolicyRoot::Csp));
    }
}

#[test]
fn neither_an_unknown_name_nor_one_of_ours_makes_a_root_win() {
    let ours = under(
        PolicyRoot::Local,
        &[("ActivationGraceMinutes", number(5)), ("PasswordLenght", number(9)), ("Colour", words("red"))],
    );
    let resolution = resolve(core::slice::from_ref(&ours), &MEMBER);
    assert_eq!((&resolution.policy, resolution.winner), (&EffectivePolicy::Absent, None));
    assert_eq!(resolution.policy.event(), 10007);
    assert_eq!(
        explained(&resolution, Setting::ActivationGraceMinutes).seen[0].verdict,
        Verdict::NoPolicy,
        "the grace has nothing to delay"
    );
    let unknown: Vec<_> = resolution.unknown.iter().map(|u| (u.name.as_str(), u.did_you_mean)).collect();
    assert_eq!(unknown, [("PasswordLenght", Some("PasswordLength")), ("Colour", None)]);

    let legacy = under(PolicyRoot::Legacy, &[("AdmPwdEnabled", number(1))]);
    assert_eq!(resolve(&[ours, legacy], &MEMBER).winner, Some(PolicyRoot::Legacy));
}

#[test]
fn only_the_hosts_own_file_sets_what_is_local() {
    let values = [
        ("BackupDirectory", number(1)),
        ("PostAuthenticationResetDelayMinutes", number(5)),
        ("ActivationGraceMinutes", number(30)),
    ];
    for root in [PolicyRoot::Csp, PolicyRoot::GroupPolicy] {
        let resolution = resolve(&[under(root, &values)], &MEMBER);
        let minutes = explained(&resolution, Setting::PostAuthenticationResetDelayMinutes);
        assert_eq!((minutes.seen[0].verdict.clone(), &minutes.effective), (Verdict::LocalOnly, &None));
        assert_eq!(managed(&resolution).post_authentication.unwrap().delay, Duration::from_hours(24));
        assert_eq!(managed(&resolution).activation_grace, Duration::from_mins(30));
    }
    assert_eq!(managed(&local(&values, &MEMBER)).post_authentication.unwrap().delay, Duration::from_mins(5));
}

#[test]
fn of_entries_with_one_name_the_last_counts() {
    let first = under(PolicyRoot::Local, &[("BackupDirectory", number(1)), ("passwordlength", number(9))]);
    let second = under(PolicyRoot::Local, &[("PasswordLength", number(10)), ("PASSWORDLENGTH", number(11))]);
    let resolution = resolve(&[first, second], &MEMBER);
    assert_eq!(managed(&resolution).password_length.characters(), 11);
    let verdicts: Vec<_> = explained(&resolution, Setting::PasswordLength)
        .seen
        .iter()
        .map(|seen| seen.verdict.clone())
        .collect();
    assert_eq!(verdicts, [Verdict::Superseded, Verdict::Superseded, Verdict::InForce]);
}

#[test]
fn legacy_laps_is_emulated_with_its_own_names_and_defaults() {
    let resolution = resolve(
        &[under(
            PolicyRoot::Legacy,
            &[("AdmPwdEnabled", number(1)), ("AdminAccountName", words("lapadmin"))],
        )],
        &MEMBER,
    );
    let policy = managed(&resolution);
    assert_eq!(resolution.policy.event(), 10023);
    assert_eq!(policy.target, BackupTarget::LegacyActiveDirectory);
    assert_eq!(policy.account, Ok(AccountChoice::Named("lapadmin".parse().unwrap())));
    assert_eq!(
        (policy.age.days(), policy.password_length.characters(), policy.complexity.number()),
        (30, 14, 4)
    );
    assert_eq!((policy.expiry_protected, policy.post_authentication), (false, None));
    assert_eq!(explained(&resolution, Setting::BackupDirectory).effective.as_deref(), Some("2"));
    let protection = explained(&resolution, Setting::PasswordExpirationProtectionEnabled);
    assert_eq!(protection.effective.as_deref(), Some("false"));
}

#[test]
fn legacy_laps_is_off_unless_enabled_and_knows_four_complexities() {
    let legacy = |values: &[(&str, RawValue)]| resolve(&[under(PolicyRoot::Legacy, values)], &MEMBER);
    assert_eq!(legacy(&[("PasswordLength", number(20))]).policy, EffectivePolicy::Disabled);
    assert_eq!(legacy(&[("AdmPwdEnabled", number(0))]).policy, EffectivePolicy::Disabled);
    assert_eq!(legacy(&[("AdmPwdEnabled", number(2))]).policy, EffectivePolicy::Disabled);
    for (configured, expected) in [(1, 1), (4, 4), (5, 4), (8, 4)] {
        let values = [("AdmPwdEnabled", number(1)), ("PasswordComplexity", number(configured))];
        assert_eq!(managed(&legacy(&values)).complexity.number(), expected);
    }
    let windows_names = legacy(&[("BackupDirectory", number(2))]);
    assert_eq!((windows_names.winner, windows_names.unknown[0].did_you_mean), (None, Some("AdmPwdEnabled")));
}

#[test]
fn a_local_zero_switches_the_emulation_off() {
    let legacy = under(PolicyRoot::Legacy, &[("AdmPwdEnabled", number(1))]);
    let local = under(PolicyRoot::Local, &[("BackupDirectory", number(0))]);
    let resolution = resolve(&[local, legacy.clone()], &MEMBER);
    assert_eq!((resolution.policy, resolution.winner), (EffectivePolicy::Disabled, Some(PolicyRoot::Local)));

    let resolution = resolve(&[legacy], &DOMAIN_CONTROLLER);
    assert_eq!((&resolution.policy, resolution.winner), (&EffectivePolicy::Absent, None));
    assert_eq!(resolution.roots[3].standing, Standing::NotAsked);
    let enabled = explained(&resolution, Setting::BackupDirectory);
    assert_eq!(enabled.seen[0].verdict, Verdict::LegacyOnDomainController);
}

#[test]
fn roots_have_their_documented_numbers_and_names() {
    let documented = [(1, "CSP"), (2, "GPO"), (3, "Local"), (4, "Legacy LAPS")];
    assert!(PolicyRoot::ALL.iter().map(|root| (root.source_number(), root.event_name())).eq(documented));
}
