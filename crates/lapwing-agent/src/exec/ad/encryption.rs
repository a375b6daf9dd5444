//! Whom passwords are encrypted to, and with what key.

use lapwing_client::ad::{Connection, GroupKeyError, PrincipalError, Principals, RootDse};
use lapwing_core::{
    agent::{DirectoryFailure, DirectoryFault, Encryption},
    event::Hresult,
    policy::{DsrmBackup, EncryptionPrincipal},
    types::{DOMAIN_ADMINS, Sid},
};
use lapwing_proto::ad::principal::Principal;

use super::{super::chain, failure::query_failed};

/// The functional level of Windows Server 2016, from which on passwords may be encrypted. [MS-ADTS] 6.1.4.4.
const LEVEL_2016: u32 = 7;
/// `RPC_S_SERVER_UNAVAILABLE`.
const SERVER_UNAVAILABLE: Hresult = Hresult::from_win32(1722);
/// `NERR_UserNotFound`.
const USER_NOT_FOUND: Hresult = Hresult::from_win32(2221);

/// Who may decrypt, as far as the domain was asked.
#[derive(Debug, Default)]
pub(super) struct Decryptor {
    /// Whom the policy means, and who that is.
    known: Option<(EncryptionPrincipal, Sid)>,
}

impl Decryptor {
    /// Who the policy's principal is; the domain is asked if it is another than last time.
    pub(super) async fn find(
        &mut self,
        connection: &mut Connection,
        root: &RootDse,
        wanted: &EncryptionPrincipal,
    ) -> Result<Sid, DirectoryFailure> {
        if let Some((_, sid)) = self.known.as_ref().filter(|(known, _)| known == wanted) {
            return Ok(sid.clone());
        }
        self.ask(connection, root, wanted).await
    }

    /// Who the principal that was found last is now: it may be gone, or its name another's.
    pub(super) async fn ask_again(
        &mut self,
        connection: &mut Connection,
        root: &RootDse,
    ) -> Result<Option<Sid>, DirectoryFailure> {
        match self.known.clone() {
            Some((wanted, _)) => self.ask(connection, root, &wanted).await.map(Some),
            None => Ok(None),
        }
    }

    async fn ask(
        &mut self,
        connection: &mut Connection,
        root: &RootDse,
        wanted: &EncryptionPrincipal,
    ) -> Result<Sid, DirectoryFailure> {
        self.known = None;
        let mut principals =
            Principals::open(connection, root).await.map_err(|error| query_failed(&error))?;
        let named = wanted.to_string();
        let found = principals.resolve(connection, &principal(wanted), &named).await;
        let sid = found.map_err(|error| unknown(connection.peer(), wanted, &error))?;
        let is_known = principals.is_known(connection, &sid).await.map_err(|error| query_failed(&error))?;
        if !is_known {
            return Err(unknown(connection.peer(), wanted, &PrincipalError::Unknown(named)));
        }
        self.known = Some((wanted.clone(), sid.clone()));
        Ok(sid)
    }
}

/// The same in the words of those who resolve names.
fn principal(wanted: &EncryptionPrincipal) -> Principal {
    match wanted.clone() {
        EncryptionPrincipal::DomainAdmins => Principal::OfDomain(DOMAIN_ADMINS),
        EncryptionPrincipal::Sid(sid) => Principal::Sid(sid),
        EncryptionPrincipal::DownLevel { domain, name } => Principal::Account { domain, name },
        EncryptionPrincipal::UserPrincipalName { name, domain } => {
            Principal::UserPrincipalName { name, suffix: domain }
        }
    }
}

fn unknown(peer: &str, wanted: &EncryptionPrincipal, error: &PrincipalError) -> DirectoryFailure {
    let kind = match (error, wanted) {
        (PrincipalError::Directory(error), _) => return query_failed(error),
        (_, EncryptionPrincipal::Sid(_)) => DirectoryFault::PrincipalSidUnknown,
        (_, _) => DirectoryFault::PrincipalNameUnknown,
    };
    let message = format!("nobody can be told who may decrypt the password: {}", chain(error));
    let next_step =
        "set ADPasswordEncryptionPrincipal to one user or group of the domain; a SID is never ambiguous";
    let mut failure = DirectoryFailure::new(kind, peer, USER_NOT_FOUND, message, next_step);
    failure.subject = Some(wanted.to_string());
    failure
}

/// Encryption needs a functional level that not every domain has. As Windows does, nothing is stored then: never in clear
/// text what is to be encrypted. Event 10006.
pub(super) fn level_too_low(connection: &Connection, root: &RootDse) -> Option<DirectoryFailure> {
    if root.domain_level >= LEVEL_2016 {
        return None;
    }
    let message = format!(
        "the policy wants passwords encrypted, and the domain's functional level {} is below {LEVEL_2016}, that of Windows Server 2016",
        root.domain_level
    );
    let next_step = "raise the domain's functional level, on Samba by `ad dc functional level = 2016` and `samba-tool domain level raise`; or set ADPasswordEncryptionEnabled to 0 if clear text protected by the directory's permissions will do";
    let kind = DirectoryFault::LevelTooLow;
    // ERROR_DS_INCOMPATIBLE_VERSION, the nearest. [MS-ERREF] 2.2.
    Some(DirectoryFailure::new(kind, connection.peer(), Hresult::from_win32(8567), message, next_step))
}

/// Why a domain controller's account is not managed: only its emergency account is, and only encrypted. Events 10008 and 10037.
pub(super) fn controller_unmanaged(
    connection: &Connection,
    dsrm: DsrmBackup,
    encryption: Option<&Encryption>,
) -> Option<DirectoryFailure> {
    let (kind, message, next_step) = match (dsrm, encryption) {
        (DsrmBackup::On, Some(_)) => return None,
        (DsrmBackup::Off, _) => (
            DirectoryFault::ControllerUnmanaged,
            "this host is a domain controller, and the policy wants nothing of those",
            "set ADBackupDSRMPassword to 1 to have its emergency account managed, or keep the policy from controllers",
        ),
        (DsrmBackup::Unprotected | DsrmBackup::On, _) => (
            DirectoryFault::ControllerUnprotected,
            "this host is a domain controller, whose password is never stored in clear text",
            "switch ADPasswordEncryptionEnabled on",
        ),
    };
    // ERROR_NOT_SUPPORTED.
    Some(DirectoryFailure::new(kind, connection.peer(), Hresult::from_win32(50), message, next_step))
}

/// Nobody gives the key to encrypt with, or somebody refuses it. Event 10072.
pub(super) fn keyless(error: &GroupKeyError) -> DirectoryFailure {
    let (kind, hresult) = match error.result() {
        Some(result) => (DirectoryFault::NotEncrypted, result),
        None if error.is_away() => (DirectoryFault::NoKeyService, SERVER_UNAVAILABLE),
        None => (DirectoryFault::NotEncrypted, SERVER_UNAVAILABLE),
    };
    DirectoryFailure::new(kind, "", hresult, chain(error), error.next_step())
}
