//! The definitions: one for each leaf of the CSP, and for the age in days one for each directory.

use lapwing_core::{
    csp::{supported, supported_value},
    policy::{Kind, Setting, choices},
};

use super::error::CatalogError;

/// What every definition id of LAPS begins with.
const PREFIX: &str = "device_vendor_msft_laps_policies_";

/// The longest definition id that an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 128;

/// A setting of the catalog.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) setting: Setting,
    /// What follows the setting's name in the id.
    suffix: &'static str,
    /// The setting whose options it belongs to, and those options; none at the top.
    pub(super) parent: Option<(Setting, &'static [&'static str])>,
    /// The ids of the instance's template and of the value's; children have none.
    pub(super) templates: Option<(&'static str, &'static str)>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Choice,
    Integer,
    Text,
}

const fn top(setting: Setting, instance: &'static str, value: &'static str) -> Definition {
    Definition { setting, suffix: "", parent: None, templates: Some((instance, value)) }
}

const fn child(setting: Setting, parent: Setting, options: &'static [&'static str]) -> Definition {
    Definition { setting, suffix: "", parent: Some((parent, options)), templates: None }
}

const fn in_ad(setting: Setting) -> Definition {
    child(setting, Setting::BackupDirectory, &["2"])
}

const fn automatic(setting: Setting) -> Definition {
    child(setting, Setting::AutomaticAccountManagementEnabled, &["true"])
}

/// Every definition, each before its children.
pub(super) const CATALOG: &[Definition] = &[
    top(
        Setting::BackupDirectory,
        "a3270f64-e493-499d-8900-90290f61ed8a",
        "4d90f03d-e14c-43c4-86da-681da96a2f92",
    ),
    Definition { suffix: "_aad", ..child(Setting::PasswordAgeDays, Setting::BackupDirectory, &["1"]) },
    in_ad(Setting::PasswordAgeDays),
    in_ad(Setting::PasswordExpirationProtectionEnabled),
    in_ad(Setting::ADPasswordEncryptionEnabled),
    in_ad(Setting::ADPasswordEncryptionPrincipal),
    in_ad(Setting::ADEncryptedPasswordHistorySize),
    top(
        Setting::AdministratorAccountName,
        "d3d7d492-0019-4f56-96f8-1967f7deabeb",
        "992c7fce-f9e4-46ab-ac11-e167398859ea",
    ),
    top(
        Setting::PasswordComplexity,
        "8a7459e8-1d1c-458a-8906-7b27d216de52",
        "aa883ab5-625e-4e3b-b830-a37a4bb8ce01",
    ),
    child(Setting::PassphraseLength, Setting::PasswordComplexity, &["6", "7", "8"]),
    top(
        Setting::PasswordLength,
        "da7a1dbd-caf7-4341-ab63-ece6f994ff02",
        "d08f1266-5345-4f53-8ae1-4c20e6cb5ec9",
    ),
    top(
        Setting::PostAuthenticationActions,
        "d9282eb1-d187-42ae-b366-7081f32dcfff",
        "68ff4f78-baa8-4b32-bf3d-5ad5566d8142",
    ),
    top(
        Setting::PostAuthenticationResetDelay,
        "a9e21166-4055-4042-9372-efaf3ef41868",
        "0deb6aee-8dac-40c4-a9dd-c3718e5c1d52",
    ),
    top(
        Setting::AutomaticAccountManagementEnabled,
        "0d70f6fb-8f35-4fba-8ada-494b8a478703",
        "5db30960-1e02-4100-9e2c-a2212596b054",
    ),
    automatic(Setting::AutomaticAccountManagementNameOrPrefix),
    automatic(Setting::AutomaticAccountManagementTarget),
    automatic(Setting::AutomaticAccountManagementEnableAccount),
    automatic(Setting::AutomaticAccountManagementRandomizeName),
];

impl Definition {
    /// The definition of this id, case aside.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`], with the id.
    pub(super) fn find(id: &str) -> Result<&'static Self, CatalogError> {
        let found = CATALOG.iter().find(|definition| definition.id().eq_ignore_ascii_case(id));
        found.ok_or_else(|| CatalogError::Unknown { id: id.chars().take(SHOWN_CHARS_MAX).collect() })
    }

    pub(super) fn id(&self) -> String {
        format!("{PREFIX}{}{}", self.setting.name().to_ascii_lowercase(), self.suffix)
    }

    /// Whether it may stand at the top, or under this option of this setting.
    pub(super) fn belongs(&self, under: Option<(Setting, &str)>) -> bool {
        match (self.parent, under) {
            (None, None) => true,
            (Some((parent, options)), Some((setting, option))) => {
                parent == setting && options.contains(&option)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    pub(super) fn misplaced(&self) -> CatalogError {
        CatalogError::Misplaced { id: self.id(), parent: self.place() }
    }

    /// Where it belongs, in words.
    pub(super) fn place(&self) -> String {
        match self.parent {
            None => "no other".to_owned(),
            Some((parent, options)) => format!("{parent} {}", options.join(" or ")),
        }
    }

    pub(super) fn shape(&self) -> Shape {
        match self.setting.kind() {
            Kind::Boolean { .. } => Shape::Choice,
            Kind::Integer { .. } if !choices(self.setting).is_empty() => Shape::Choice,
            Kind::Integer { .. } => Shape::Integer,
            Kind::Text { .. } => Shape::Text,
        }
    }

    /// The value as the CSP takes it, if the setting supports it.
    ///
    /// The catalog's least age for Entra ID, 7 days, is the directory's to demand and not the policy's.
    pub(super) fn checked(&self, value: &str) -> Result<String, CatalogError> {
        let unsupported = || CatalogError::Unsupported { id: self.id(), supported: supported(self.setting) };
        supported_value(self.setting, value).ok_or_else(unsupported)
    }
}
