//! From the resolved policy to what the machine needs: a plan, and the events that say what was read.

use super::plan::{self, OwnPlan, Plan, PlanRules, PolicyRead, Target, Verdict};
use crate::{
    event::Event,
    policy::{
        AccountChoice, AutomaticAccount, AutomaticAccountManagementTarget, BackupTarget, DsrmBackup,
        EffectivePolicy, Encryption, Explanation, ManagedPolicy, PrincipalError, Resolution, Setting,
        Verdict as Became,
    },
};

impl PolicyRead {
    /// Whether a password is to be kept in Active Directory.
    #[must_use]
    pub const fn is_for_active_directory(&self) -> bool {
        matches!(&self.verdict, Verdict::Managed(plan) if plan.target.is_active_directory())
    }

    /// What the resolved policy asks of this host.
    #[must_use]
    pub fn of(resolution: &Resolution) -> Self {
        Self { source: resolution.winner, verdict: verdict(resolution), events: events(resolution) }
    }
}

fn verdict(resolution: &Resolution) -> Verdict {
    match &resolution.policy {
        EffectivePolicy::Absent => Verdict::Unconfigured,
        EffectivePolicy::Disabled => Verdict::Disabled,
        EffectivePolicy::Managed(policy) => managed(policy),
    }
}

fn managed(policy: &ManagedPolicy) -> Verdict {
    let unsupported =
        |message: String, next_step: &str| Verdict::Unsupported { message, next_step: next_step.to_owned() };
    let target = match policy.target {
        BackupTarget::Cloud => Target::Cloud,
        BackupTarget::LegacyActiveDirectory => Target::LegacyActiveDirectory,
        BackupTarget::ActiveDirectory { .. } => Target::ActiveDirectory,
    };
    let (encryption, dsrm) = match &policy.target {
        BackupTarget::Cloud | BackupTarget::LegacyActiveDirectory => (None, DsrmBackup::Off),
        BackupTarget::ActiveDirectory { encryption: Encryption::Off, dsrm } => (None, *dsrm),
        BackupTarget::ActiveDirectory { encryption: Encryption::On { principal, history }, dsrm } => {
            match principal.clone() {
                Ok(principal) => (Some(plan::Encryption { principal, history: *history }), *dsrm),
                // Nobody takes the place of whom the policy means.
                Err(error) => return unsupported(error.to_string(), error.next_step()),
            }
        }
    };
    let mut own = None;
    let account = match &policy.account {
        Ok(AccountChoice::BuiltIn) => None,
        Ok(AccountChoice::Named(name)) => Some(name.clone()),
        Ok(AccountChoice::Automatic(automatic)) => match automatic.target {
            // DEVIATION(17): its password alone, for uid 0 is more to a Linux host than an account.
            AutomaticAccountManagementTarget::BuiltIn => None,
            AutomaticAccountManagementTarget::OwnAccount => {
                let AutomaticAccount { name, enabled, .. } = automatic.clone();
                own = Some(OwnPlan { name, enabled, uid: None });
                None
            }
        },
        Err(error) => return unsupported(error.to_string(), error.next_step()),
    };
    Verdict::Managed(Plan {
        target,
        encryption,
        dsrm,
        account,
        own,
        age: policy.age,
        rules: PlanRules {
            complexity: policy.complexity,
            password_length: policy.password_length,
            passphrase_length: policy.passphrase_length,
            word_list: policy.word_list.clone(),
        },
        activation_grace: policy.activation_grace,
        post_authentication: policy.post_authentication,
        expiry_protected: policy.expiry_protected,
    })
}

/// The events that reading the policy calls for.
fn events(resolution: &Resolution) -> Vec<Event> {
    let effective = |setting| {
        resolution
            .explanations
            .iter()
            .find(|explained| explained.setting == setting)
            .and_then(|e| e.effective.clone())
    };
    let mut events: Vec<Event> = resolution.explanations.iter().flat_map(findings).collect();
    if let EffectivePolicy::Managed(policy) = &resolution.policy {
        events.push(in_force(policy, &effective));
        events.extend(principal_error(policy));
    }
    events
}

/// The event that shows the policy in force. Event manifest of Microsoft-Windows-LAPS, 10021 to 10023.
fn in_force(policy: &ManagedPolicy, effective: &impl Fn(Setting) -> Option<String>) -> Event {
    let policy_source = policy.root.event_name().to_owned();
    let admin_account_name = effective(Setting::AdministratorAccountName).unwrap_or_default();
    let password_age_days = policy.age.days().into();
    let password_complexity = policy.complexity.number().into();
    let password_length = policy.password_length.characters().into();
    let delay = policy.post_authentication.map_or(0, |after| after.delay.as_secs() / 3600);
    let post_auth_reset_delay = i64::try_from(delay).unwrap_or(i64::MAX);
    let post_auth_actions = policy.post_authentication.map_or(0, |after| u32::from(after.actions.number()));
    let automatic_account_management_enabled = matches!(policy.account, Ok(AccountChoice::Automatic(_)));
    let automatic_account_management_target =
        effective(Setting::AutomaticAccountManagementTarget).unwrap_or_default();
    let automatic_account_management_name_or_prefix =
        effective(Setting::AutomaticAccountManagementNameOrPrefix).unwrap_or_default();
    let automatic_account_management_enable_account =
        is_on(effective(Setting::AutomaticAccountManagementEnableAccount));
    let automatic_account_management_randomize_name =
        is_on(effective(Setting::AutomaticAccountManagementRandomizeName));
    match &policy.target {
        BackupTarget::Cloud => Event::PolicyIsEntra {
            policy_source,
            backup_directory: "Azure AD".to_owned(),
            admin_account_name,
            password_age_days,
            password_complexity,
            password_length,
            post_auth_reset_delay,
            post_auth_actions,
            automatic_account_management_enabled,
            automatic_account_management_target,
            automatic_account_management_name_or_prefix,
            automatic_account_management_enable_account,
            automatic_account_management_randomize_name,
        },
        BackupTarget::ActiveDirectory { encryption, dsrm } => Event::PolicyIsAd {
            policy_source,
            backup_directory: "Active Directory".to_owned(),
            admin_account_name,
            password_age_days,
            password_complexity,
            password_length,
            password_expiration_protection_enabled: policy.expiry_protected,
            password_encryption_enabled: matches!(encryption, Encryption::On { .. }),
            password_encryption_target_principal: effective(Setting::ADPasswordEncryptionPrincipal)
                .unwrap_or_default(),
            password_encryption_history_size: match encryption {
                Encryption::On { history, .. } => history.entries().into(),
                Encryption::Off => 0,
            },
            backup_dsrm_password: matches!(dsrm, DsrmBackup::On),
            post_auth_reset_delay,
            post_auth_actions,
            automatic_account_management_enabled,
            automatic_account_management_target,
            automatic_account_management_name_or_prefix,
            automatic_account_management_enable_account,
            automatic_account_management_randomize_name,
        },
        BackupTarget::LegacyActiveDirectory => Event::PolicyIsLegacy {
            policy_source,
            backup_directory: "Active Directory".to_owned(),
            admin_account_name,
            password_age_days,
            password_complexity,
            password_length,
            password_expiration_protection_enabled: policy.expiry_protected,
        },
    }
}

/// That the policy names nobody whom passwords could be encrypted to.
fn principal_error(policy: &ManagedPolicy) -> Option<Event> {
    let BackupTarget::ActiveDirectory { encryption: Encryption::On { principal: Err(error), .. }, .. } =
        &policy.target
    else {
        return None;
    };
    Some(match error.clone() {
        PrincipalError::Isolated(name) => Event::PrincipalAmbiguous { name },
        PrincipalError::MalformedName(name) => Event::PrincipalNameUnknown { name },
        PrincipalError::MalformedSid(sid) => Event::PrincipalSidUnknown { sid },
    })
}

fn is_on(effective: Option<String>) -> bool {
    matches!(effective.as_deref(), Some("1" | "true"))
}

/// What became of values that are not simply in force, where Windows has an event for it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are told by the cycle's own events, or by `get-policy`"
)]
fn findings(explained: &Explanation) -> Vec<Event> {
    explained
        .findings()
        .filter_map(|seen| match &seen.verdict {
            Became::Raised { minimum } => Some(Event::AgeRaised {
                configured_days: seen.value.to_string().parse().unwrap_or_default(),
                minimum_days: (*minimum).into(),
            }),
            Became::Truncated { .. } => Some(Event::NameTruncated { name: seen.value.to_string() }),
            _ => None,
        })
        .collect()
}
