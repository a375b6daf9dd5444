//! Every event, in one table. Event manifest of Microsoft-Windows-LAPS; own numbers from 30000.

use super::{
    Field, Level,
    value::{FieldKind, FieldValue, of},
};
use crate::policy::Since;

events! {
    10000 Information Windows Loaded "The feature was loaded and initialised";
    10001 Error Windows LoadFailed "The feature failed to initialise";
    10002 Information Windows Unloaded "The feature was unloaded";
    10003 Information Windows ProcessingStarted "Policy processing started";
    10004 Information Windows ProcessingSucceeded "Policy processing succeeded";
    10005 Information Windows ProcessingFailed "Policy processing failed" { hr: Hresult };
    10006 Error Windows FunctionalLevelTooLow
        "Encryption is required, but the domain's functional level is below 2016; nothing was changed";
    10007 Warning Windows NoAccountConfigured "No account is configured for management";
    10008 Warning Windows DomainControllerUnsupported
        "The policy does not apply to domain controllers, of which only the DSRM password can be managed";
    10009 Information Windows TargetIsAd "Passwords are backed up to Active Directory";
    10010 Information Windows TargetIsEntra "Passwords are backed up to Entra ID or lapwing-server";
    10011 Error Windows AdQueryFailed "Active Directory could not be asked for this computer's state"
        { hr: Hresult };
    10012 Information Windows AdSchemaLacksLaps "The schema of Active Directory lacks the LAPS attributes";
    10013 Error Windows AccountNotFound "The configured local account was not found"
        { account: Text, hr: Hresult };
    10014 Information Windows ResetRequested
        "The password is being changed because an administrator asked for it";
    10015 Information Windows UpdateNeeded "The password must be changed, for these reasons"
        { mask: Hex32, reasons: Text };
    10016 Information Windows NoUpdateNeeded "The password need not be changed now";
    10017 Error Windows AdUpdateFailed
        "Active Directory did not take the new password; the current one is unchanged" { hr: Hresult };
    10018 Information Windows AdUpdated "Active Directory holds the new password";
    10019 Error Windows AccountUpdateFailed "The local account did not take the new password"
        { account: Account, rid: Rid, hr: Hresult };
    10020 Information Windows AccountUpdated "The local account has the new password"
        { account: Account, rid: Rid };
    10021 Information Windows PolicyIsAd "The policy in force, for Active Directory" {
        policy_source = "PolicySource": Text,
        backup_directory = "BackupDirectory": Text,
        admin_account_name = "AdminAccountName": Text,
        password_age_days = "PasswordAgeDays": Integer,
        password_complexity = "PasswordComplexity": Integer,
        password_length = "PasswordLength": Integer,
        password_expiration_protection_enabled = "PasswordExpirationProtectionEnabled": Switch,
        password_encryption_enabled = "PasswordEncryptionEnabled": Switch,
        password_encryption_target_principal = "PasswordEncryptionTargetPrincipal": Text,
        password_encryption_history_size = "PasswordEncryptionHistorySize": Integer,
        backup_dsrm_password = "BackupDSRMPassword": Switch,
        post_auth_reset_delay = "PostAuthResetDelay": Integer,
        post_auth_actions = "PostAuthActions": Hex32,
        automatic_account_management_enabled = "AutomaticAccountManagementEnabled": Switch,
        automatic_account_management_target = "AutomaticAccountManagementTarget": Text,
        automatic_account_management_name_or_prefix = "AutomaticAccountManagementNameOrPrefix": Text,
        automatic_account_management_enable_account = "AutomaticAccountManagementEnableAccount": Switch,
        automatic_account_management_randomize_name = "AutomaticAccountManagementRandomizeName": Switch,
    };
    10022 Information Windows PolicyIsEntra "The policy in force, for Entra ID or lapwing-server" {
        policy_source = "PolicySource": Text,
        backup_directory = "BackupDirectory": Text,
        admin_account_name = "AdminAccountName": Text,
        password_age_days = "PasswordAgeDays": Integer,
        password_complexity = "PasswordComplexity": Integer,
        password_length = "PasswordLength": Integer,
        post_auth_reset_delay = "PostAuthResetDelay": Integer,
        post_auth_actions = "PostAuthActions": Hex32,
        automatic_account_management_enabled = "AutomaticAccountManagementEnabled": Switch,
        automatic_account_management_target = "AutomaticAccountManagementTarget": Text,
        automatic_account_management_name_or_prefix = "AutomaticAccountManagementNameOrPrefix": Text,
        automatic_account_management_enable_account = "AutomaticAccountManagementEnableAccount": Switch,
        automatic_account_management_randomize_name = "AutomaticAccountManagementRandomizeName": Switch,
    };
    10023 Information Windows PolicyIsLegacy "The policy in force, of legacy Microsoft LAPS" {
        policy_source = "PolicySource": Text,
        backup_directory = "BackupDirectory": Text,
        admin_account_name = "AdminAccountName": Text,
        password_age_days = "PasswordAgeDays": Integer,
        password_complexity = "PasswordComplexity": Integer,
        password_length = "PasswordLength": Integer,
        password_expiration_protection_enabled = "PasswordExpirationProtectionEnabled": Switch,
    };
    10024 Information Windows PolicyDisabled "The policy is disabled";
    10025 Error Windows EntraDiscoveryFailed "The endpoints of Entra ID or lapwing-server were not found"
        { hr: Hresult };
    10026 Error Windows EntraAuthenticationFailed
        "Entra ID or lapwing-server did not accept the device's identity" { hr: Hresult };
    10027 Error Windows NoAcceptablePassword "No password was found that this host's rules accept"
        { hr: Hresult };
    10028 Error Windows EntraUpdateFailed "Entra ID or lapwing-server did not take the new password"
        { hr: Hresult };
    10029 Information Windows EntraUpdated "Entra ID or lapwing-server holds the new password";
    10030 Information Windows EntraRequestSent "A request is being sent to this address" { url: Text };
    10031 Warning Windows PasswordChangeBlocked
        "A foreign change of the managed account's password was refused" { account: Account, rid: Rid };
    10032 Error Windows EntraAuthenticationRefused
        "Entra ID or lapwing-server did not accept the device's identity, with what it answered"
        { web_status: Hex32, text: Text, code: Hex32, hr: Hresult, message: Text };
    10033 Warning Windows LegacyProductInstalled
        "A legacy policy is present, but so is the legacy product: standing aside";
    10034 Error Windows PrincipalAmbiguous "The encryption principal is an isolated name, which is ambiguous"
        { name: Text };
    10035 Error Windows PrincipalNameUnknown "The encryption principal's name is unknown" { name: Text };
    10036 Error Windows PrincipalSidUnknown "The encryption principal's SID is unknown" { sid: Text };
    10037 Error Windows DsrmNeedsEncryption "The DSRM password cannot be managed, for encryption is off";
    10038 Error Windows DsrmUpdateFailed "The DSRM account did not take the new password"
        { account: Account, rid: Rid, hr: Hresult };
    10039 Information Windows DsrmUpdated "The DSRM account has the new password"
        { account: Account, rid: Rid };
    10040 Warning Windows DsrmChangeBlocked "A foreign change of the DSRM password was refused" { rid: Rid };
    10041 Information Windows PostAuthScheduled
        "The managed account was authenticated; post-authentication actions are due at the deadline"
        { account: Account, rid: Rid, deadline: Time };
    10042 Information Windows PostAuthDue "The grace period is over; post-authentication actions start"
        { account: Account, rid: Rid };
    10043 Warning Windows PostAuthResetFailed
        "The password could not be changed after an authentication; it will be tried again"
        { account: Account, rid: Rid, retries: Integer, hr: Hresult };
    10044 Information Windows PostAuthResetDone "The password was changed after an authentication"
        { account: Account, rid: Rid };
    10045 Warning Windows PostAuthActionFailed
        "The password was changed after an authentication, but an action failed and is not repeated"
        { account: Account, rid: Rid };
    10046 Information Windows PostAuthResetUnneeded
        "The password has been changed since the authentication; only the remaining actions run"
        { account: Account, rid: Rid };
    10047 Information Windows PostAuthResumed
        "Post-authentication actions are scheduled again after a reboot";
    10048 Error Windows PostAuthGivenUp
        "Post-authentication actions were tried as often as allowed, and dropped";
    10049 Error Windows PostAuthRebootFailed "The reboot after an authentication failed" { hr: Hresult };
    10050 Information Windows MdmRequested "The password is being changed because the MDM asked for it";
    10051 Information Windows PostAuthRequested
        "The password is being changed because the managed account was used";
    10052 Information Windows CycleBySchedule "The cycle was started by the normal schedule";
    10053 Information Windows CycleByAdministrator "The cycle was started by an administrator";
    10054 Information Windows CycleByPolicyChange "The cycle was started by a change of Group Policy";
    10055 Information Windows DomainControllerFound "This domain controller is in use" { dc: Text };
    10056 Error Windows NoDomainController "No writable domain controller was found" { hr: Hresult };
    10057 Error Windows BindFailed "The domain controller did not accept the LDAP bind"
        { dc: Text, hr: Hresult };
    10058 Warning Windows AgeRaised
        "PasswordAgeDays is too small for Entra ID or lapwing-server; the minimum is used"
        { configured_days: Integer, minimum_days: Integer };
    10059 Error Windows EntraAnsweredFailure "Entra ID or lapwing-server answered with a failure"
        { http_status: Integer, response: Text };
    10060 Warning Windows EntraWantedAdJoined
        "The policy wants Entra ID, but the device is joined to Active Directory alone";
    10061 Warning Windows EntraWantedWorkplaceJoined
        "The policy wants Entra ID, but the device is workplace-joined, which is not supported";
    10062 Warning Windows AdWantedEntraJoined
        "The policy wants Active Directory, but the device is joined to Entra ID alone";
    10063 Warning Windows AdWantedWorkplaceJoined
        "The policy wants Active Directory, but the device is workplace-joined";
    10064 Warning Windows DsrmWithoutEncryption
        "Backup of the DSRM password is configured without encryption";
    10065 Error Windows NoRightOnLegacyAttribute "This computer has no right to write the legacy attribute"
        { container: Text };
    10066 Error Windows NoRightOnAttribute "This computer has no right to write the LAPS attribute"
        { container: Text };
    10067 Warning Windows AccountDisabled "The managed account is disabled" { account: Account, rid: Rid };
    10068 Information Windows EntraJoined "The device joined Entra ID or lapwing-server";
    10069 Information Windows EntraLeft "The device left Entra ID or lapwing-server";
    10070 Information Windows AdJoined "The device joined Active Directory";
    10071 Information Windows AdLeft "The device left Active Directory";
    10072 Error Windows EncryptionFailed
        "The password could not be encrypted; does the forest have a KDS root key?" { hr: Hresult };
    10073 Information Windows24H2 PostAuthActionsStarted "Post-authentication actions start"
        { account: Account, sid: Sid };
    10074 Information Windows24H2 PostAuthActionsSucceeded "All post-authentication actions succeeded"
        { account: Account, sid: Sid };
    10075 Error Windows24H2 PostAuthActionsFailed "Post-authentication actions finished with failures"
        { account: Account, sid: Sid };
    10076 Warning Windows24H2 PostAuthDropped
        "Pending post-authentication actions were dropped, for the policy names another account"
        { old_sid: Sid, new_sid: Sid };
    10077 Information Windows24H2 SessionsFound "Interactive sessions of the account were found"
        { count: Integer, account: Account, sid: Sid };
    10078 Information Windows24H2 SessionWarned "A session was told that it will be logged off" {
        exec_env_id = "ExecEnvId": Integer,
        state = "State": Integer,
        session_id = "SessionId": Integer,
        session_name = "SessionName": Text,
        host_name = "HostName": Text,
        user_name = "UserName": Text,
        domain_name = "DomainName": Text,
        farm_name = "FarmName": Text,
    };
    10079 Error Windows24H2 SessionWarningFailed
        "A session could not be warned; it will be logged off all the same" {
        exec_env_id = "ExecEnvId": Integer,
        state = "State": Integer,
        session_id = "SessionId": Integer,
        session_name = "SessionName": Text,
        host_name = "HostName": Text,
        user_name = "UserName": Text,
        domain_name = "DomainName": Text,
        farm_name = "FarmName": Text,
        error = "Error": Integer,
    };
    10080 Information Windows24H2 WaitingForLogOff "Users have this long to log off" { seconds: Integer };
    10081 Information Windows24H2 LoggingOff "The warned sessions are being logged off";
    10082 Information Windows24H2 SessionEnded "A session was logged off" {
        exec_env_id = "ExecEnvId": Integer,
        state = "State": Integer,
        session_id = "SessionId": Integer,
        session_name = "SessionName": Text,
        host_name = "HostName": Text,
        user_name = "UserName": Text,
        domain_name = "DomainName": Text,
        farm_name = "FarmName": Text,
    };
    10083 Error Windows24H2 SessionEndFailed "A session could not be logged off; it is not tried again" {
        exec_env_id = "ExecEnvId": Integer,
        state = "State": Integer,
        session_id = "SessionId": Integer,
        session_name = "SessionName": Text,
        host_name = "HostName": Text,
        user_name = "UserName": Text,
        domain_name = "DomainName": Text,
        farm_name = "FarmName": Text,
        error = "Error": Integer,
    };
    10084 Information Windows24H2 SmbSessionsFound "SMB sessions of the account were found"
        { count: Integer };
    10085 Information Windows24H2 SmbSessionDeleted "An SMB session was deleted" {
        session_id = "SessionId": Hex64,
        client_computer_name = "ClientComputerName": Text,
        client_user_name = "ClientUserName": Text,
        num_opens = "NumOpens": Integer,
        seconds_idle = "SecondsIdle": Integer,
        seconds_existed = "SecondsExisted": Integer,
        server_name = "ServerName": Text,
    };
    10086 Information Windows24H2 SmbSessionDeleteFailed
        "An SMB session could not be deleted; it is not tried again" {
        session_id = "SessionId": Hex64,
        client_computer_name = "ClientComputerName": Text,
        client_user_name = "ClientUserName": Text,
        num_opens = "NumOpens": Integer,
        seconds_idle = "SecondsIdle": Integer,
        seconds_existed = "SecondsExisted": Integer,
        server_name = "ServerName": Text,
        error = "Error": Integer,
    };
    10087 Information Windows24H2 ProcessesFound "Processes of the account were found" { count: Integer };
    10088 Information Windows24H2 ProcessEnded "A process was ended"
        { path: Text, pid: Integer, account: Account, sid: Sid };
    10089 Error Windows24H2 ProcessEndFailed "A process could not be ended; it is not tried again"
        { path: Text, pid: Integer, account: Account, sid: Sid, hr: Hresult };
    10090 Information Windows24H2 AccountEnabled "The managed account was enabled"
        { account: Account, sid: Sid };
    10091 Information Windows24H2 AccountWasDisabled "The managed account was disabled"
        { account: Account, sid: Sid };
    10092 Warning Windows24H2 NameTruncated
        "The automatic account's name or prefix was too long, and cut to 20 or, with a random suffix, to 14"
        { name: Text };
    10093 Information Windows24H2 AccountRenamed "The automatic account was renamed"
        { old_name: Account, new_name: Account, sid: Sid };
    10094 Error Windows24H2 AccountRenameFailed "The automatic account could not be renamed"
        { name: Account, sid: Sid, wanted_name: Account, hr: Hresult };
    10095 Error Windows24H2 AccountEnableFailed "The automatic account could not be enabled"
        { name: Account, sid: Sid, hr: Hresult };
    10096 Error Windows24H2 AccountDisableFailed "The automatic account could not be disabled"
        { name: Account, sid: Sid, hr: Hresult };
    10097 Information Windows24H2 FormerAccountDeleted "The formerly managed account was deleted"
        { name: Account, sid: Sid };
    10098 Error Windows24H2 FormerAccountDeleteFailed "The formerly managed account could not be deleted"
        { name: Account, sid: Sid, hr: Hresult };
    10099 Information Windows24H2 FormerBuiltInRenamed
        "The formerly managed built-in administrator was renamed and disabled"
        { old_name: Account, new_name: Account, sid: Sid };
    10100 Error Windows24H2 FormerBuiltInRenameFailed
        "The formerly managed built-in administrator could not be renamed and disabled"
        { sid: Sid, hr: Hresult };
    10101 Warning Windows24H2 ModificationBlocked "A foreign change of the managed account was refused" {
        account = "LAPSManagedAccountName": Account,
        sid = "LAPSManagedAccountSid": Sid,
        client_name = "ClientName": Text,
        client_address = "ClientAddress": Text,
        client_process_id = "ClientProcessID": Integer,
        client_process_exe = "ClientProcessExe": Text,
    };
    10102 Warning Windows24H2 DeletionBlocked "A foreign deletion of the managed account was refused" {
        account = "LAPSManagedAccountName": Account,
        sid = "LAPSManagedAccountSid": Sid,
        client_name = "ClientName": Text,
        client_address = "ClientAddress": Text,
        client_process_id = "ClientProcessID": Integer,
        client_process_exe = "ClientProcessExe": Text,
    };
    10103 Warning Windows24H2 SecurityDescriptorChangeBlocked
        "A foreign change of the managed account's security descriptor was refused" {
        account = "LAPSManagedAccountName": Account,
        sid = "LAPSManagedAccountSid": Sid,
        client_name = "ClientName": Text,
        client_address = "ClientAddress": Text,
        client_process_id = "ClientProcessID": Integer,
        client_process_exe = "ClientProcessExe": Text,
    };
    10104 Warning Windows24H2 GroupRemovalBlocked
        "A foreign removal of the managed account from the administrators was refused" {
        account = "LAPSManagedAccountName": Account,
        sid = "LAPSManagedAccountSid": Sid,
        client_name = "ClientName": Text,
        client_address = "ClientAddress": Text,
        client_process_id = "ClientProcessID": Integer,
        client_process_exe = "ClientProcessExe": Text,
    };
    10105 Warning Windows24H2 LocalStateNotWritten "The local state could not be written" { hr: Hresult };
    10106 Information Windows24H2 ImageCleaned
        "The local state was removed, so that this host can become an image";
    10107 Error Windows24H2 ImageCleanFailed "The local state could not be removed for an image"
        { hr: Hresult };
    10108 Warning Windows24H2 AdSchemaLacksVersion
        "The schema of Active Directory lacks msLAPS-CurrentPasswordVersion; a restored host is not noticed";

    20000 Warning Windows MdmValuesRefused
        "The MDM's values were refused, for the device is joined to no directory";

    30000 Information Lapwing ChangePrepared "A change was prepared" { account: Account, version: Version };
    30001 Information Lapwing Acknowledged "The directory acknowledged that it holds the password"
        { directory: Directory, version: Version };
    30002 Information Lapwing CommitRecovered
        "A change that was recorded before the crash was finished at boot"
        { account: Account, version: Version };
    30003 Warning Lapwing SendUnanswered "A password was sent to the directory; whether it arrived is unknown"
        { directory: Directory, version: Version, count: Integer };
    30004 Information Lapwing CandidateResolved
        "The directory holds a password whose answer was lost; it is being set" { version: Version };
    30005 Warning Lapwing DirectoryRestored
        "The directory was restored: it holds a password replaced since; the password is being changed"
        { directory: Directory, version: Version };
    30006 Warning Lapwing VersionNeverOurs
        "The directory holds a password never sent from here: this host was restored, or another writes too"
        { directory: Directory, version: FoundVersion, written: Text };
    30007 Error Lapwing Conflict
        "Another writer replaced this host's password twice within a day; it is now changed only when due"
        { directory: Directory, version: FoundVersion, written: Text, next_step: Text };
    30008 Warning Lapwing DriftFound "The account's password is not the one that Lapwing set"
        { account: Account, kind: Text };
    30009 Information Lapwing DriftHealed "The account has the password again that Lapwing set"
        { account: Account };
    30010 Error Lapwing ChangeRefused "The root half refused the change" { reason: Text, next_step: Text };
    30011 Error Lapwing JournalDamaged "The journal is damaged" { reason: Text };
    30012 Error Lapwing BudgetExhausted "The host's budget of changes is spent" { limit: Text, until: Time };
    30013 Error Lapwing PasswordUncertain
        "The password in force may be an older one in the directory's history, or none of them"
        { unanswered: Integer };
    30014 Error Lapwing NoRecord "The directory has no record of this device: enrol it anew"
        { directory: Directory };
    30015 Error Lapwing ReceiptInvalid
        "The server's receipt for the password is missing or not valid; the password is not set"
        { version: Version, reason: Text };
    30016 Warning Lapwing WaitingForDirectory
        "The directory cannot be reached; a password that is due is changed as soon as it can" { reason: Text };
    30017 Warning Lapwing PasswordRuleWarned
        "This host's password rules gave the same warning for every password" { text: Text };
    30018 Error Lapwing RootHalfUnreachable "The root half cannot be reached" { reason: Text };
    30019 Error Lapwing PolicyFileUnreadable "A policy file cannot be read, or is damaged"
        { path: Text, reason: Text };
    30020 Error Lapwing ServerNotTrusted "The server's certificate is not trusted"
        { server: Text, reason: Text };
    30021 Warning Lapwing ClockDisagrees "This host's clock disagrees with the directory's"
        { difference_seconds: Integer };
    30022 Warning Lapwing Throttled "The directory asked this host to wait" { until: Time };
    30023 Error Lapwing NotEnrolled
        "The policy wants Entra ID or lapwing-server, but this host is enrolled nowhere";
    30024 Information Lapwing ReplicaBehind
        "A domain controller has not heard yet of the password in force; another one is asked" { replica: Text };
    30025 Information Lapwing ActionAccepted "Device management's request for a rotation was accepted"
        { action: Text };
    30026 Information Lapwing ActionSatisfied "Device management's request for a rotation is satisfied"
        { action: Text, version: Version };
    30027 Warning Lapwing ActionFailed
        "Device management's request for a rotation has failed so far; attempts go on" { action: Text, hr: Hresult };
    30028 Error Lapwing NotJoined
        "The policy wants Active Directory, but this host cannot act as a computer of a domain" { reason: Text };
    30030 Information Lapwing CertificateRenewed "The device's certificate was renewed" { until: Time };
    30031 Warning Lapwing CertificateNotRenewed
        "The device's certificate is due to be renewed, and could not be; attempts go on"
        { until: Time, reason: Text };
    30032 Error Lapwing CertificateEnded
        "The device's certificate has ended and cannot be renewed any more: leave with lapwing leave --local-only, and enrol with a new token"
        { until: Time };
    30033 Error Lapwing UseNotEnded
        "The sessions of the account could not be dealt with after its password was changed; it is not tried again"
        { account: Account, text: Text, next_step: Text };
    30034 Information Lapwing LoggedOn "The managed account was authenticated"
        { account: Account, service: Text, terminal: Text, host: Text };
    30035 Information Lapwing LoggedOnOtherwise
        "The managed account was used without its password, by a key or a ticket"
        { account: Account, service: Text, terminal: Text, host: Text };
    30036 Warning Lapwing LogOnFailed "An authentication of the managed account failed, or was given up"
        { account: Account, service: Text, terminal: Text, host: Text };
    30037 Warning Lapwing FailuresNoMoreFollowed
        "Log-ons with the managed account have failed so often that they cause no further change of its password before then"
        { account: Account, until: Time };
    30040 Warning Lapwing GroupPolicyUnread
        "Group Policy could not be read; what was read of it last holds, if anything was"
        { reason: Text, last_read: Text, next_step: Text };
    30041 Information Lapwing GroupPolicyChanged "Group Policy has changed: these objects hold now"
        { objects: Text };
    30050 Information Lapwing AccountLocked
        "An administrator has locked the account's password; the lock is kept, also when the password is changed"
        { account: Account };
    30051 Warning Lapwing EmptyFieldClosed
        "The account's password field was empty, so that anybody could have logged on; it is closed again"
        { account: Account };
    30052 Error Lapwing AccountContested
        "Somebody keeps changing the account; it is not put right again before then"
        { account: Account, count: Integer, until: Time, next_step: Text };
    30053 Information Lapwing OwnAccountCreated "Lapwing has made the account that policy wants"
        { account: Account, sid: Sid, enabled: Switch };
    30054 Warning Lapwing OwnAccountRepaired
        "Somebody changed the account that Lapwing owns (Windows refuses that: 10101, 10102, 10104); it is as it must be again"
        { account: Account, attributes: Text };
    30055 Warning Lapwing AccountClosed
        "The account was used and its password cannot be changed yet: until it is, nobody can log on with the account"
        { account: Account, next_step: Text };
    30056 Information Lapwing AccountOpened "People can log on again with the account that was closed"
        { account: Account };
    30060 Warning Lapwing BootNotNormal
        "This system was not booted in the normal way, so no password is changed" { reason: Text, next_step: Text };
    30061 Error Lapwing PossibleClone
        "This host may be a copy of another, so nothing is changed here and its identity is not used"
        { reason: Text, next_step: Text };
}
