//! The settings of "Configure policy settings for Windows LAPS" once more, written out by hand: what each takes, refuses
//! and defaults to, and for which directory it holds.

use super::*;

struct Row {
    setting: Setting,
    /// What must stand beside it for it to mean anything.
    beside: &'static [(&'static str, i64)],
    default: Option<&'static str>,
    takes: Vec<(RawValue, &'static str)>,
    refuses: Vec<RawValue>,
    in_cloud: bool,
}

fn row(setting: Setting, default: &'static str) -> Row {
    Row { setting, beside: &[], default: Some(default), takes: vec![], refuses: vec![], in_cloud: true }
}

impl Row {
    fn takes(mut self, numbers: &[(i64, &'static str)]) -> Self {
        self.takes.extend(numbers.iter().map(|(raw, shown)| (number(*raw), *shown)));
        self.refuses.extend([words("1"), words(""), RawValue::Boolean(true)]);
        self
    }

    fn refuses(mut self, numbers: &[i64]) -> Self {
        self.refuses.extend(numbers.iter().map(|raw| number(*raw)));
        self.refuses.extend([number(-1), number(i64::MIN), number(i64::MAX), number(1 << 32)]);
        self
    }

    /// Yes or no, in either spelling.
    fn boolean(mut self) -> Self {
        self.takes = vec![
            (number(0), "false"),
            (number(1), "true"),
            (RawValue::Boolean(false), "false"),
            (RawValue::Boolean(true), "true"),
        ];
        self.refuses = vec![number(2), number(-1), words("true"), words("1"), words("")];
        self
    }

    fn text(mut self, takes: &[&'static str]) -> Self {
        self.takes = takes.iter().map(|text| (words(text), *text)).collect();
        self
    }

    fn beside(mut self, beside: &'static [(&'static str, i64)]) -> Self {
        self.beside = beside;
        self
    }

    fn not_in_cloud(mut self) -> Self {
        self.in_cloud = false;
        self
    }
}

const AUTOMATIC: &[(&str, i64)] = &[("AutomaticAccountManagementEnabled", 1)];
const OF_WORDS: &[(&str, i64)] = &[("PasswordComplexity", 6)];

fn table() -> Vec<Row> {
    use Setting as S;
    let (wrong_name, wrong_type) = (words("a:b"), number(7));
    let mut rows = vec![
        // Ages under 7 have tests of their own.
        row(S::PasswordAgeDays, "30").takes(&[(7, "7"), (365, "365")]).refuses(&[366]),
        row(S::PasswordComplexity, "4")
            .takes(&[(1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "5"), (6, "6"), (7, "7"), (8, "8")])
            .refuses(&[0, 9]),
        row(S::PasswordLength, "14").takes(&[(8, "8"), (64, "64")]).refuses(&[0, 7, 65]),
        row(S::PassphraseLength, "6").takes(&[(3, "3"), (10, "10")]).refuses(&[2, 11]).beside(OF_WORDS),
        row(S::PasswordExpirationProtectionEnabled, "true").boolean(),
        row(S::ADPasswordEncryptionEnabled, "true").boolean().not_in_cloud(),
        row(S::ADPasswordEncryptionPrincipal, "Domain Admins of the host's domain")
            .text(&["CORP\\Readers", "S-1-5-21-1-2-3-1104"])
            .not_in_cloud(),
        row(S::ADEncryptedPasswordHistorySize, "0")
            .takes(&[(0, "0"), (12, "12")])
            .refuses(&[13])
            .not_in_cloud(),
        row(S::ADBackupDSRMPassword, "false").boolean().not_in_cloud(),
        row(S::AdministratorAccountName, "the built-in administrator").text(&["lapadmin", "Local Admin"]),
        row(S::PostAuthenticationResetDelay, "24").takes(&[(0, "0"), (24, "24")]).refuses(&[25]),
        row(S::PostAuthenticationActions, "3")
            .takes(&[(1, "1"), (3, "3"), (5, "5"), (11, "11")])
            .refuses(&[0, 2, 4, 6, 7, 8, 9, 10, 12, 15]),
        row(S::AutomaticAccountManagementEnabled, "false").boolean(),
        row(S::AutomaticAccountManagementTarget, "1")
            .takes(&[(0, "0"), (1, "1")])
            .refuses(&[2])
            .beside(AUTOMATIC),
        row(S::AutomaticAccountManagementNameOrPrefix, "WLapsAdmin").text(&["helpdesk"]).beside(AUTOMATIC),
        row(S::AutomaticAccountManagementEnableAccount, "false").boolean().beside(AUTOMATIC),
        row(S::AutomaticAccountManagementRandomizeName, "false").boolean().beside(AUTOMATIC),
        row(S::ActivationGraceMinutes, "0").takes(&[(0, "0"), (1440, "1440")]).refuses(&[1441]),
        row(S::PostAuthenticationArmedByFailure, "false").boolean(),
        row(S::PostAuthenticationActionsOnTime, "false").boolean(),
        Row { default: None, ..row(S::PostAuthenticationResetDelayMinutes, "") }
            .takes(&[(0, "0"), (1440, "1440")])
            .refuses(&[1441]),
        row(S::PassphraseWordList, "the built-in list").text(&["birds", "list_2-x"]).beside(OF_WORDS),
    ];
    for row in &mut rows {
        match row.setting {
            S::AutomaticAccountManagementNameOrPrefix => {
                row.refuses.extend([wrong_name.clone(), wrong_type.clone()]);
            }
            S::PassphraseWordList => {
                row.refuses.extend([
                    words("../etc"),
                    words("Birds"),
                    words(&"x".repeat(65)),
                    wrong_type.clone(),
                ]);
            }
            _ => {}
        }
    }
    rows
}

fn resolved(row: &Row, directory: i64, value: Option<&RawValue>) -> Explanation {
    let mut values = vec![("BackupDirectory", number(directory))];
    values.extend(row.beside.iter().map(|(name, value)| (*name, number(*value))));
    values.extend(value.map(|value| (row.setting.name(), value.clone())));
    // The one setting that is for domain controllers alone.
    let context = if row.setting == Setting::ADBackupDSRMPassword { DOMAIN_CONTROLLER } else { MEMBER };
    let resolution = local(&values, &context);
    let explanations = &resolution.explanations;
    assert!(explanations.iter().map(|e| e.setting).eq(Setting::ALL.iter().copied()), "each setting once");
    explained(&resolution, row.setting).clone()
}

fn assert_outcome(
    row: &Row,
    directory: i64,
    value: Option<&RawValue>,
    effective: Option<&str>,
    source: ValueSource,
) {
    let explanation = resolved(row, directory, value);
    let what = format!("{} = {value:?} with directory {directory}: {explanation:?}", row.setting);
    assert_eq!(explanation.effective.as_deref(), effective, "{what}");
    assert_eq!(explanation.source, source, "{what}");
    assert_eq!(explanation.seen.len(), usize::from(value.is_some()), "{what}");
}

#[test]
fn the_table_covers_every_setting_but_the_directory() {
    let mut covered: Vec<Setting> = table().iter().map(|row| row.setting).collect();
    covered.push(Setting::BackupDirectory);
    covered.sort_unstable();
    assert_eq!(covered, Setting::ALL);
}

#[test]
fn an_absent_setting_has_its_default() {
    for row in table() {
        for directory in [1, 2].into_iter().filter(|directory| *directory == 2 || row.in_cloud) {
            assert_outcome(&row, directory, None, row.default, ValueSource::Default);
        }
    }
}

#[test]
fn a_supported_value_holds_as_it_stands() {
    for row in table() {
        for directory in [1, 2].into_iter().filter(|directory| *directory == 2 || row.in_cloud) {
            for (value, shown) in &row.takes {
                assert_outcome(&row, directory, Some(value), Some(shown), ValueSource::Configured);
            }
        }
    }
}

#[test]
fn a_bad_value_is_replaced_by_the_default_and_never_clamped() {
    for row in table() {
        for directory in [1, 2].into_iter().filter(|directory| *directory == 2 || row.in_cloud) {
            let foreign = RawValue::Foreign("REG_BINARY");
            let is_replaceable = row.default.is_some() && !matches!(row.setting.kind(), Kind::Text { .. });
            for value in row.refuses.iter().chain(is_replaceable.then_some(&foreign)) {
                assert_outcome(&row, directory, Some(value), row.default, ValueSource::Default);
                let verdict = resolved(&row, directory, Some(value)).seen[0].verdict.clone();
                let is_number = matches!(row.setting.kind(), Kind::Integer { .. });
                let malformed = match value {
                    RawValue::Integer(_) => matches!(row.setting.kind(), Kind::Text { .. }),
                    RawValue::Boolean(_) => is_number,
                    RawValue::Text(_) => !matches!(row.setting.kind(), Kind::Text { .. }),
                    RawValue::Foreign(_) => true,
                };
                assert_eq!(matches!(verdict, Verdict::Malformed { .. }), malformed, "{value}: {verdict:?}");
                assert_eq!(
                    matches!(verdict, Verdict::Unsupported { .. }),
                    !malformed,
                    "{value}: {verdict:?}"
                );
            }
        }
    }
}

#[test]
fn a_setting_of_active_directory_means_nothing_in_the_cloud() {
    for row in table() {
        assert_eq!(row.in_cloud, row.setting.applies_to() == AppliesTo::EveryDirectory, "{}", row.setting);
        if !row.in_cloud {
            assert_outcome(&row, 1, None, None, ValueSource::Unused);
            for value in row.takes.iter().map(|(value, _)| value).chain(&row.refuses) {
                assert_outcome(&row, 1, Some(value), None, ValueSource::Unused);
                let verdict = &resolved(&row, 1, Some(value)).seen[0].verdict;
                assert_eq!(*verdict, Verdict::Unused(Because::NotActiveDirectory));
            }
        }
    }
}

#[test]
fn nothing_else_counts_while_the_directory_is_off() {
    for row in table() {
        for value in row.takes.iter().map(|(value, _)| value).chain(&row.refuses) {
            assert_outcome(&row, 0, Some(value), None, ValueSource::Unused);
            let verdict = &resolved(&row, 0, Some(value)).seen[0].verdict;
            assert_eq!(*verdict, Verdict::Unused(Because::BackupIsOff));
        }
    }
}

#[test]
fn a_setting_without_its_companions_means_nothing() {
    for row in table().iter().filter(|row| !row.beside.is_empty()) {
        let alone = Row { beside: &[], takes: vec![], refuses: vec![], ..*row };
        for directory in [1, 2] {
            assert_outcome(&alone, directory, Some(&row.takes[0].0), None, ValueSource::Unused);
        }
    }
    let length = row(Setting::PasswordLength, "14").beside(OF_WORDS);
    assert_outcome(&length, 1, Some(&number(20)), None, ValueSource::Unused);
    let account = row(Setting::AdministratorAccountName, "").beside(AUTOMATIC);
    assert_outcome(&account, 1, Some(&words("lapadmin")), None, ValueSource::Unused);
    let encryption = &[("ADPasswordEncryptionEnabled", 0)];
    for setting in [Setting::ADEncryptedPasswordHistorySize, Setting::ADPasswordEncryptionPrincipal] {
        assert_outcome(&row(setting, "").beside(encryption), 2, Some(&number(3)), None, ValueSource::Unused);
    }
}

#[test]
fn the_directory_is_off_unless_it_is_one_of_two() {
    let directory = |value| {
        let resolution = local(&[("BackupDirectory", value)], &MEMBER);
        let shown = explained(&resolution, Setting::BackupDirectory).effective.clone();
        (shown.unwrap(), resolution.policy.event())
    };
    for (value, shown, event) in [
        (number(0), "0", 10024),
        (number(1), "1", 10022),
        (number(2), "2", 10021),
        (number(3), "0", 10024),
        (number(-1), "0", 10024),
        (words("2"), "0", 10024),
        (RawValue::Boolean(true), "0", 10024),
    ] {
        assert_eq!(directory(value.clone()), (shown.to_owned(), event), "{value}");
    }
}

#[test]
fn the_types_take_what_the_table_takes() {
    fn compare<T>(setting: Setting, parse: impl Fn(i64) -> Result<T, Unsupported>) {
        let Kind::Integer { allowed, .. } = setting.kind() else { panic!("{setting} is no number") };
        for number in -2_i64..2000 {
            let taken = u16::try_from(number).is_ok_and(|number| allowed.contains(number));
            assert_eq!(parse(number).is_ok(), taken, "{setting} {number}");
        }
    }
    compare(Setting::BackupDirectory, BackupDirectory::parse);
    compare(Setting::PasswordComplexity, PasswordComplexity::parse);
    compare(Setting::PostAuthenticationActions, PostAuthenticationActions::parse);
    compare(Setting::AutomaticAccountManagementTarget, AutomaticAccountManagementTarget::parse);
    compare(Setting::PasswordLength, PasswordLength::parse);
    compare(Setting::ActivationGraceMinutes, ActivationGraceMinutes::parse);
    for complexity in PasswordComplexity::ALL {
        assert_eq!(PasswordComplexity::parse(i64::from(complexity.number())), Ok(*complexity));
        assert_eq!(complexity.is_passphrase(), complexity.number() >= 6);
    }
}
