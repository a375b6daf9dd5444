use lapwing_core::{
    csp::Tree,
    policy::{Kind, Setting},
};
use proptest::prelude::*;
use serde_json::json;

use super::catalog::CATALOG;
use super::*;

fn choice(name: &str, option: &str, children: &[Value]) -> Value {
    let id = format!("device_vendor_msft_laps_policies_{name}");
    json!({
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
        "settingDefinitionId": id,
        "choiceSettingValue": { "value": format!("{id}_{option}"), "children": children },
    })
}

fn simple(name: &str, value: Value) -> Value {
    json!({
        "settingDefinitionId": format!("device_vendor_msft_laps_policies_{name}"),
        "simpleSettingValue": { "value": value, "settingValueTemplateReference": null },
        "settingInstanceTemplateReference": null,
    })
}

fn settings(instances: &[Value]) -> Vec<Value> {
    instances.iter().map(|instance| json!({ "settingInstance": instance })).collect()
}

fn read(instances: &[Value]) -> Result<Vec<(Setting, String)>, CatalogError> {
    let tree = read_settings(&settings(instances))?;
    Ok(tree.values().map(|(setting, data)| (setting, data.to_owned())).collect())
}

/// A policy of every setting for Active Directory, as Intune exports it.
const EXPORTED: &str = include_str!("../../../tests/fixtures/configuration_policy.json");

#[test]
fn an_exported_policy_reads_as_the_leaves_of_the_csp_and_is_written_again() {
    let policy: ConfigurationPolicy = crate::json::parse(EXPORTED.as_bytes()).unwrap();
    let settings = policy.settings.clone().unwrap();
    let tree = read_settings(&settings).unwrap();
    let values: Vec<String> = tree.values().map(|(setting, data)| format!("{setting}={data}")).collect();
    assert_eq!(
        values,
        [
            "BackupDirectory=2",
            "AdministratorAccountName=lapadmin",
            "PasswordAgeDays=20",
            "PasswordComplexity=7",
            "PasswordLength=21",
            "PassphraseLength=5",
            "PasswordExpirationProtectionEnabled=true",
            "ADPasswordEncryptionEnabled=true",
            "ADPasswordEncryptionPrincipal=LAPSAdmins@contoso.com",
            "ADEncryptedPasswordHistorySize=6",
            "PostAuthenticationResetDelay=8",
            "PostAuthenticationActions=11",
            "AutomaticAccountManagementEnabled=true",
            "AutomaticAccountManagementTarget=1",
            "AutomaticAccountManagementNameOrPrefix=WLaps",
            "AutomaticAccountManagementEnableAccount=true",
            "AutomaticAccountManagementRandomizeName=false",
        ]
    );
    assert_eq!(write_settings(&tree).unwrap(), settings);
    assert_eq!(serde_json::to_value(&policy).unwrap(), serde_json::from_str::<Value>(EXPORTED).unwrap());
}

#[test]
fn references_types_and_letter_case_may_be_missing_or_other() {
    let age = simple("PASSWORDAGEDAYS_AAD", json!("7"));
    assert_eq!(
        read(&[choice("BackupDirectory", "1", &[age]), simple("administratoraccountname", json!(""))])
            .unwrap(),
        [
            (Setting::BackupDirectory, "1".to_owned()),
            (Setting::AdministratorAccountName, String::new()),
            (Setting::PasswordAgeDays, "7".to_owned()),
        ]
    );
}

#[test]
fn a_setting_that_is_not_of_laps_is_named() {
    let foreign = json!({ "settingDefinitionId": "device_vendor_msft_bitlocker_x", "simpleSettingValue": { "value": 1 } });
    let error = read(&[choice("backupdirectory", "1", &[]), foreign]).unwrap_err();
    assert_eq!(error.to_string(), "\"device_vendor_msft_bitlocker_x\" is no setting of Windows LAPS");
    let long = simple(&"x".repeat(1000), json!(1));
    assert!(read(&[long]).unwrap_err().to_string().len() < 200);
}

#[test]
fn a_child_stands_under_its_parents_option_and_nowhere_else() {
    for (instances, id, parent) in [
        (vec![simple("passwordagedays", json!(7))], "passwordagedays", "BackupDirectory 2"),
        (
            vec![choice("backupdirectory", "1", &[simple("passwordagedays", json!(7))])],
            "passwordagedays",
            "BackupDirectory 2",
        ),
        (
            vec![choice("backupdirectory", "2", &[simple("passwordagedays_aad", json!(7))])],
            "passwordagedays_aad",
            "BackupDirectory 1",
        ),
        (
            vec![choice("passwordcomplexity", "4", &[simple("passphraselength", json!(4))])],
            "passphraselength",
            "PasswordComplexity 6 or 7 or 8",
        ),
        (
            vec![choice("backupdirectory", "1", &[simple("passwordlength", json!(20))])],
            "passwordlength",
            "no other",
        ),
    ] {
        let id = format!("device_vendor_msft_laps_policies_{id}");
        assert_eq!(read(&instances), Err(CatalogError::Misplaced { id, parent: parent.to_owned() }));
    }
}

#[test]
fn a_setting_stands_there_once() {
    let twice = [simple("passwordlength", json!(20)), simple("PasswordLength", json!(21))];
    assert!(matches!(read(&twice), Err(CatalogError::Doubled { .. })));
}

#[test]
fn a_value_that_no_policy_may_have_is_refused() {
    for instance in [
        simple("passwordlength", json!(7)),
        simple("passwordlength", json!(65)),
        simple("passwordlength", json!(20.5)),
        simple("passwordlength", json!("many")),
        simple("passwordlength", json!(null)),
        simple("backupdirectory", json!(1)),
        simple("administratoraccountname", json!(7)),
        simple("administratoraccountname", json!("x".repeat(5000))),
        choice("passwordlength", "20", &[]),
        choice("backupdirectory", "3", &[]),
        choice("backupdirectory", "", &[]),
        choice("postauthenticationactions", "2", &[]),
        choice("automaticaccountmanagementenabled", "1", &[]),
        json!({
            "settingDefinitionId": "device_vendor_msft_laps_policies_backupdirectory",
            "choiceSettingValue": { "value": "device_vendor_msft_laps_policies_passwordcomplexity_1" },
        }),
    ] {
        let refused = read(std::slice::from_ref(&instance));
        assert!(matches!(refused, Err(CatalogError::Unsupported { .. })), "{instance} {refused:?}");
    }
    for malformed in [json!({}), json!({ "settingDefinitionId": 7 }), json!([])] {
        assert_eq!(read(&[malformed]), Err(CatalogError::Malformed));
    }
}

#[test]
fn a_leaf_that_the_catalog_has_no_place_for_is_not_left_out() {
    let write = |values: &[(Setting, &str)]| {
        let values = values.iter().map(|(setting, data)| (*setting, (*data).to_owned()));
        write_settings(&Tree::holding(values).unwrap())
    };
    let stray = write(&[(Setting::BackupDirectory, "1"), (Setting::ADEncryptedPasswordHistorySize, "3")]);
    assert!(matches!(stray, Err(CatalogError::Misplaced { .. })));
    let unsupported = write(&[(Setting::PasswordLength, "100")]);
    assert!(matches!(unsupported, Err(CatalogError::Unsupported { .. })));
}

#[test]
fn every_leaf_of_the_csp_has_a_definition_and_the_age_has_one_for_each_directory() {
    for setting in Setting::ALL.iter().filter(|setting| setting.has_csp_node()) {
        let definitions = CATALOG.iter().filter(|definition| definition.setting == *setting).count();
        assert_eq!(definitions, if *setting == Setting::PasswordAgeDays { 2 } else { 1 }, "{setting}");
    }
    assert_eq!(CATALOG.len(), 18);
}

/// Any policy that the catalog can write: children stand only where their parent has the right option.
fn any_policy() -> impl Strategy<Value = Vec<(Setting, String)>> {
    let value = |setting: Setting| match setting.kind() {
        Kind::Integer { allowed, .. } => {
            let supported: Vec<u16> = (0..400).filter(|number| allowed.contains(*number)).collect();
            prop::sample::select(supported).prop_map(|number| number.to_string()).boxed()
        }
        Kind::Boolean { .. } => any::<bool>().prop_map(|truth| truth.to_string()).boxed(),
        Kind::Text { .. } => "\\PC{0,20}".boxed(),
    };
    let nodes: Vec<Setting> = Setting::ALL.iter().copied().filter(|setting| setting.has_csp_node()).collect();
    let values: Vec<_> = nodes
        .into_iter()
        .map(|setting| prop::option::of(value(setting)).prop_map(move |value| Some((setting, value?))))
        .collect();
    values.prop_map(|values| {
        let all: Vec<(Setting, String)> = values.into_iter().flatten().collect();
        let has_place = |setting: Setting| {
            CATALOG.iter().filter(|definition| definition.setting == setting).any(|definition| {
                definition.parent.is_none()
                    || all.iter().any(|(parent, option)| definition.belongs(Some((*parent, option))))
            })
        };
        all.iter().filter(|(setting, _)| has_place(*setting)).cloned().collect()
    })
}

#[test]
fn what_the_catalog_has_no_place_for_is_told_with_where_it_belongs() {
    let holding = |values: &[(Setting, &str)]| {
        Tree::holding(values.iter().map(|(setting, data)| (*setting, (*data).to_owned()))).unwrap()
    };
    let words = (Setting::PassphraseLength, "6");
    let age = (Setting::PasswordAgeDays, "30");
    let expected = [
        (Setting::PasswordAgeDays, "BackupDirectory 1 or BackupDirectory 2".to_owned()),
        (Setting::PassphraseLength, "PasswordComplexity 6 or 7 or 8".to_owned()),
    ];
    assert_eq!(misplaced(&holding(&[words, age])), expected);
    let placed = holding(&[words, age, (Setting::BackupDirectory, "1"), (Setting::PasswordComplexity, "7")]);
    assert_eq!(misplaced(&placed), []);
    assert!(write_settings(&placed).is_ok() && write_settings(&holding(&[age])).is_err());
}

proptest! {
    #[test]
    fn reading_what_was_written_is_the_identity(values in any_policy()) {
        let tree = Tree::holding(values).unwrap();
        let settings = write_settings(&tree).unwrap();
        prop_assert_eq!(read_settings(&settings).unwrap(), tree);
    }

    #[test]
    fn arbitrary_members_never_panic(id in "device_vendor_msft_laps_policies_[a-z_]{0,20}", value: String, number: i64) {
        let choice = json!({ "settingInstance": { "settingDefinitionId": id, "choiceSettingValue": { "value": value } } });
        let simple = json!({ "settingInstance": { "settingDefinitionId": id, "simpleSettingValue": { "value": number } } });
        drop(read_settings(&[choice, simple]));
    }
}
