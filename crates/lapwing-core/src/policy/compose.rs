//! Builds the policy out of the winning root's values, in the order in which one decides about the next.

use core::time::Duration;

use super::account::{
    AUTOMATIC_NAME_DEFAULT, AccountChoice, AutomaticAccount, AutomaticName, Naming, UnusableAccount,
};
use super::effective::{
    BackupTarget, DsrmBackup, EffectivePolicy, Encryption, ManagedPolicy, PostAuthentication,
};
use super::explain::{Because, ValueSource, Verdict};
use super::principal::{EncryptionPrincipal, PrincipalError};
use super::reader::{Reader, boolean, integer, text, unsupported};
use super::resolve::{HostRole, PolicyContext};
use super::root::{PolicyRoot, RawValue};
use super::setting::Setting;
use super::values::{
    ActivationGraceMinutes, BackupDirectory, HistorySize, PasswordAgeDays, PasswordComplexity,
    PostAuthenticationActions, ResetDelayHours, WordListName, supported,
};

/// The policy under `root`, which has won.
pub(super) fn policy(reader: &mut Reader, root: PolicyRoot, context: &PolicyContext) -> EffectivePolicy {
    let is_legacy = root == PolicyRoot::Legacy;
    let directory = if is_legacy { legacy_directory(reader) } else { reader.number() };
    let target = match directory {
        BackupDirectory::Disabled => return EffectivePolicy::Disabled,
        BackupDirectory::Cloud => cloud(reader),
        BackupDirectory::ActiveDirectory if is_legacy => BackupTarget::LegacyActiveDirectory,
        BackupDirectory::ActiveDirectory => active_directory(reader, context.role),
    };
    // Legacy LAPS knew no words and no readable characters.
    let complexity = reader.number_if(|c: &PasswordComplexity| !is_legacy || c.number() <= 4);
    let (not_characters, not_words) = if complexity.is_passphrase() {
        (Some(Because::MadeOfWords), None)
    } else {
        (None, Some(Because::MadeOfCharacters))
    };
    let grace: ActivationGraceMinutes = reader.number();
    EffectivePolicy::Managed(Box::new(ManagedPolicy {
        root,
        target,
        account: account(reader),
        age: age(reader, directory, context),
        complexity,
        password_length: reader.number_unless(not_characters),
        passphrase_length: reader.number_unless(not_words),
        word_list: word_list(reader, not_words),
        expiry_protected: expiry_protected(reader, is_legacy),
        // Legacy LAPS did nothing after a log-on, and what it lacks is off in its emulation.
        post_authentication: if is_legacy { None } else { post_authentication(reader) },
        activation_grace: minutes(grace.minutes()),
    }))
}

/// Legacy LAPS was on or off, and stored in Active Directory alone.
fn legacy_directory(reader: &mut Reader) -> BackupDirectory {
    let (directory, source) = match reader.read(Setting::BackupDirectory, boolean) {
        Some(true) => (BackupDirectory::ActiveDirectory, ValueSource::Configured),
        Some(false) => (BackupDirectory::Disabled, ValueSource::Configured),
        None => (BackupDirectory::Disabled, ValueSource::Default),
    };
    reader.settle(Setting::BackupDirectory, directory.number(), source);
    directory
}

fn cloud(reader: &mut Reader) -> BackupTarget {
    reader.unused(
        Because::NotActiveDirectory,
        &[
            Setting::ADPasswordEncryptionEnabled,
            Setting::ADPasswordEncryptionPrincipal,
            Setting::ADEncryptedPasswordHistorySize,
            Setting::ADBackupDSRMPassword,
        ],
    );
    BackupTarget::Cloud
}

fn active_directory(reader: &mut Reader, role: HostRole) -> BackupTarget {
    let encryption = if reader.boolean(Setting::ADPasswordEncryptionEnabled) {
        Encryption::On { principal: principal(reader), history: reader.number::<HistorySize>() }
    } else {
        let settings = [Setting::ADPasswordEncryptionPrincipal, Setting::ADEncryptedPasswordHistorySize];
        reader.unused(Because::NotEncrypted, &settings);
        Encryption::Off
    };
    let dsrm = match role {
        HostRole::Member => {
            reader.unused(Because::NotDomainController, &[Setting::ADBackupDSRMPassword]);
            DsrmBackup::Off
        }
        HostRole::DomainController => match (reader.boolean(Setting::ADBackupDSRMPassword), &encryption) {
            (false, _) => DsrmBackup::Off,
            (true, Encryption::On { .. }) => DsrmBackup::On,
            (true, Encryption::Off) => {
                reader.unusable(Setting::ADBackupDSRMPassword, &Verdict::DsrmUnprotected);
                DsrmBackup::Unprotected
            }
        },
    };
    BackupTarget::ActiveDirectory { encryption, dsrm }
}

fn principal(reader: &mut Reader) -> Result<EncryptionPrincipal, PrincipalError> {
    let setting = Setting::ADPasswordEncryptionPrincipal;
    let parsed = match reader.raw(setting) {
        None => Ok(EncryptionPrincipal::DomainAdmins),
        Some(RawValue::Text(text)) if text.is_empty() => Ok(EncryptionPrincipal::DomainAdmins),
        Some(RawValue::Text(text)) => text.parse(),
        Some(other) => Err(PrincipalError::MalformedName(other.to_string())),
    };
    match &parsed {
        Ok(EncryptionPrincipal::DomainAdmins) => reader.settle_default(setting),
        Ok(principal) => reader.settle(setting, principal, ValueSource::Configured),
        Err(error) => reader.unusable(setting, &Verdict::UnusablePrincipal(error.clone())),
    }
    parsed
}

fn account(reader: &mut Reader) -> Result<AccountChoice, UnusableAccount> {
    if reader.boolean(Setting::AutomaticAccountManagementEnabled) {
        reader.unused(Because::AccountIsAutomatic, &[Setting::AdministratorAccountName]);
        automatic_account(reader).map(AccountChoice::Automatic)
    } else {
        reader.unused(
            Because::AccountIsNotAutomatic,
            &[
                Setting::AutomaticAccountManagementTarget,
                Setting::AutomaticAccountManagementNameOrPrefix,
                Setting::AutomaticAccountManagementEnableAccount,
                Setting::AutomaticAccountManagementRandomizeName,
            ],
        );
        manual_account(reader)
    }
}

fn manual_account(reader: &mut Reader) -> Result<AccountChoice, UnusableAccount> {
    let setting = Setting::AdministratorAccountName;
    let parsed = match reader.raw(setting) {
        None => Ok(AccountChoice::BuiltIn),
        Some(RawValue::Text(text)) if text.is_empty() => Ok(AccountChoice::BuiltIn),
        Some(RawValue::Text(text)) => {
            text.parse().map(AccountChoice::Named).map_err(|_| UnusableAccount::new(text))
        }
        Some(other) => Err(UnusableAccount::new(&other.to_string())),
    };
    match &parsed {
        Ok(AccountChoice::Named(name)) => reader.settle(setting, name, ValueSource::Configured),
        Ok(AccountChoice::BuiltIn | AccountChoice::Automatic(_)) => reader.settle_default(setting),
        // Windows looks for an account of that very name and finds none: the outcome is the same.
        Err(error) => reader.unusable(setting, &Verdict::UnusableAccount(error.clone())),
    }
    parsed
}

fn automatic_account(reader: &mut Reader) -> Result<AutomaticAccount, UnusableAccount> {
    let target = reader.number();
    let naming = if reader.boolean(Setting::AutomaticAccountManagementRandomizeName) {
        Naming::RandomSuffix
    } else {
        Naming::Fixed
    };
    let enabled = reader.boolean(Setting::AutomaticAccountManagementEnableAccount);
    let name = automatic_name(reader, naming)?;
    Ok(AutomaticAccount { target, name, enabled })
}

fn automatic_name(reader: &mut Reader, naming: Naming) -> Result<AutomaticName, UnusableAccount> {
    let setting = Setting::AutomaticAccountManagementNameOrPrefix;
    let read = reader.read(setting, |raw| match text(raw)? {
        "" => Ok(None),
        text => {
            let name = AutomaticName::truncating(text, naming).map_err(|_| unsupported(setting))?;
            Ok(Some((name, text.chars().count() > naming.chars_max())))
        }
    });
    match read.flatten() {
        Some((name, false)) => {
            reader.settle(setting, name.base(), ValueSource::Configured);
            Ok(name)
        }
        Some((name, true)) => {
            reader.judge(setting, &Verdict::Truncated { chars_max: naming.chars_max() });
            reader.settle(setting, name.base(), ValueSource::Adjusted);
            Ok(name)
        }
        None => {
            reader.settle_default(setting);
            AutomaticName::truncating(AUTOMATIC_NAME_DEFAULT, naming)
        }
    }
}

/// The age, raised to what the directory accepts: the one number that is not replaced by its default.
fn age(reader: &mut Reader, directory: BackupDirectory, context: &PolicyContext) -> PasswordAgeDays {
    let setting = Setting::PasswordAgeDays;
    let minimum = match directory {
        BackupDirectory::Cloud => context.cloud_age_days_min(),
        BackupDirectory::ActiveDirectory | BackupDirectory::Disabled => 0,
    };
    let configured = reader.raw(setting).and_then(|raw| integer(raw).ok());
    if configured.is_some_and(|days| (0..i64::from(minimum)).contains(&days))
        && let Ok(raised) = PasswordAgeDays::parse(i64::from(minimum))
    {
        reader.judge(setting, &Verdict::Raised { minimum });
        reader.settle(setting, minimum, ValueSource::Adjusted);
        raised
    } else {
        reader.number()
    }
}

/// Unlike Windows LAPS, legacy LAPS let an administrator postpone the expiry unless told otherwise.
fn expiry_protected(reader: &mut Reader, is_legacy: bool) -> bool {
    let setting = Setting::PasswordExpirationProtectionEnabled;
    if is_legacy { reader.boolean_or(setting, false) } else { reader.boolean(setting) }
}

fn word_list(reader: &mut Reader, unused: Option<Because>) -> Option<WordListName> {
    let setting = Setting::PassphraseWordList;
    if let Some(because) = unused {
        reader.unused(because, &[setting]);
        return None;
    }
    let read = reader.read(setting, |raw| match text(raw)? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| unsupported(setting)),
    });
    let name: Option<WordListName> = read.flatten();
    match &name {
        Some(name) => reader.settle(setting, name.as_str(), ValueSource::Configured),
        None => reader.settle_default(setting),
    }
    name
}

fn post_authentication(reader: &mut Reader) -> Option<PostAuthentication> {
    let in_minutes = Setting::PostAuthenticationResetDelayMinutes;
    let own = reader
        .read(in_minutes, |raw| supported(in_minutes, integer(raw)?).map_err(|_| unsupported(in_minutes)));
    let delay = if let Some(own) = own {
        reader.settle(in_minutes, own, ValueSource::Configured);
        reader.unused(Because::DelayInMinutes, &[Setting::PostAuthenticationResetDelay]);
        minutes(own)
    } else {
        reader.settle_default(in_minutes);
        let delay: ResetDelayHours = reader.number();
        minutes(delay.hours().saturating_mul(60))
    };
    if delay.is_zero() {
        let settings = [
            Setting::PostAuthenticationActions,
            Setting::PostAuthenticationArmedByFailure,
            Setting::PostAuthenticationActionsOnTime,
        ];
        reader.unused(Because::PostAuthenticationIsOff, &settings);
        return None;
    }
    let actions = reader.number();
    let on_time = match actions {
        PostAuthenticationActions::Reset => {
            reader.unused(Because::ResetAlone, &[Setting::PostAuthenticationActionsOnTime]);
            false
        }
        PostAuthenticationActions::ResetAndLogOff
        | PostAuthenticationActions::ResetAndReboot
        | PostAuthenticationActions::ResetLogOffAndTerminate => {
            reader.boolean(Setting::PostAuthenticationActionsOnTime)
        }
    };
    let by_failure = reader.boolean(Setting::PostAuthenticationArmedByFailure);
    Some(PostAuthentication { actions, delay, by_failure, on_time })
}

fn minutes(count: u16) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}
