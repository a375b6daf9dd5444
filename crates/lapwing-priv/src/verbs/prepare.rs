//! Prepare: check that the change can succeed, draw a password, add a candidate. The account is unchanged.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lapwing_core::{
    binding::SealBinding,
    event::EventId,
    generate::{self, Rules, WORD_LIST_BYTES_MAX, WordList},
    local::root_half::{Material, Prepare, Prepared, Rules as AskedRules, SecretText},
    policy::{PassphraseLength, PasswordComplexity, PasswordLength, WordListName},
    root_half::ProtocolError,
    secret::Password,
    types::{AccountName, DirectoryId, EncryptedTo, FileTime, PasswordVersion, RecordId, Uid},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{VerbError, Work, parse};
use crate::{
    account, crypt,
    dry_run::{self, Verdict},
    encrypt::Encryption,
    failpoint,
    host::Entry,
    log,
    managed::{self, Managed, Protection},
    process,
    root::Root,
    seal,
};

/// How many passwords the host's rules are asked about before they are believed to accept none.
const ATTEMPTS_MAX: usize = 5;

impl Work {
    pub(super) fn prepare(
        &mut self,
        request: &Prepare,
        rng: &mut impl CryptoRng,
    ) -> Result<Prepared, VerbError> {
        self.check_boot()?;
        self.half.journal.check_nothing_recorded()?;
        self.half.check_origin()?;
        let directory_id: DirectoryId = parse(&request.directory)?;
        let expiry: FileTime = parse(&request.expiry)?;
        let rules = parse_rules(self.root(), &request.rules)?;
        let managed = Managed::read(self.root())?;
        let directory = managed.directory(self.root(), &directory_id, &RecordId(request.record.clone()))?;
        let encryption = request.encrypt.as_ref().map(Encryption::asked).transpose()?;
        let principal = encryption.as_ref().map(|encryption| &encryption.principal);
        directory.check_encryption(self.root(), principal)?;
        let (account, uid) = self.check_change(&managed, request.account.as_deref(), expiry)?;
        let next = self.half.host.owned(uid).map(|owned| self.next_name(owned, rng)).transpose()?;

        process::lock_memory().map_err(|source| VerbError::NotLocked { source })?;
        // Its rules are asked under the name that it has; what is stored opens it under the name that it will have.
        let (password, warning) = self.draw(&account, &rules, rng)?;
        let account = next.unwrap_or(account);
        let version = PasswordVersion::random(rng);
        let hash = crypt::hash(self.root(), &password, rng)?;
        let prepared = self.now().0;
        let mut encrypted_to = None;
        let sealed = match (&directory.protection, &encryption) {
            (Protection::Pinned(pins), _) => {
                let binding =
                    SealBinding { tenant: pins.tenant, device: pins.device, version, account: &account };
                Some(seal::seal(&password, &binding, &pins.seal_key, rng)?)
            }
            (Protection::ActiveDirectory(_), Some(encryption)) => {
                encrypted_to =
                    Some(EncryptedTo { principal: encryption.principal.clone(), updated: prepared });
                Some(encryption.encrypt(&account, prepared, &password, rng)?)
            }
            (Protection::ClearText | Protection::ActiveDirectory(_), _) => None,
        };
        let entry = Entry {
            version,
            account,
            uid,
            hash,
            directory: directory_id,
            record: directory.record.clone().unwrap_or_else(|| RecordId(request.record.clone())),
            expiry,
            prepared,
            sealed,
            encrypted_to,
            sends: Vec::new(),
            acknowledged_by: None,
        };
        let material = entry.sealed.as_deref().map_or_else(
            || Material::Clear(SecretText(Zeroizing::new(password.expose_secret().to_owned()))),
            told_sealed,
        );
        let prepared = Prepared { warning, ..tell(&entry, material) };
        failpoint::hit("prepare.before_journal");
        self.half.prepare(entry)?;
        failpoint::hit("prepare.after_journal");
        Ok(prepared)
    }

    /// Everything that would make the commit fail later, found now.
    fn check_change(
        &self,
        managed: &Managed,
        asked: Option<&str>,
        expiry: FileTime,
    ) -> Result<(AccountName, Uid), VerbError> {
        let name = match asked {
            Some(name) => parse(name)?,
            None => account::built_in_administrator(self.root())?,
        };
        let account = self.half.host.as_open(account::find(self.root(), &name)?);
        self.half.host.check_account(managed, &name, account.uid)?;
        self.half.journal.check_budget(self.now(), managed.changes_per_day)?;
        // Our own account's ageing is ours too; a disabled one has expired on purpose.
        if self.half.host.owned(account.uid).is_none() {
            account.check_outlives(self.half.host.today(), expiry)?;
        }
        account::check_room(&self.root().state())?;
        account::check_replaceable(self.root())?;
        Ok((name, account.uid))
    }

    /// Draws passwords until the host's rules accept one. A complaint that every one draws alike is not about the
    /// password (a dictionary that is missing, say), and must not stop rotation for ever: it is passed on.
    fn draw(
        &self,
        account: &AccountName,
        rules: &Rules,
        rng: &mut impl CryptoRng,
    ) -> Result<(Password, Option<String>), VerbError> {
        let mut complaints: Vec<String> = Vec::with_capacity(ATTEMPTS_MAX);
        let mut only_warned = true;
        loop {
            let password = generate::generate(rules, rng)?;
            let complaint = match dry_run::try_password(self.root(), account, &password) {
                Verdict::Accepted => return Ok((password, None)),
                Verdict::Unavailable(why) => {
                    warn_of_rules(&why);
                    return Ok((password, Some(why)));
                }
                Verdict::Warned(complaint) => complaint,
                Verdict::Refused(complaint) => {
                    only_warned = false;
                    complaint
                }
            };
            let all_alike = complaints.iter().all(|earlier| *earlier == complaint);
            complaints.push(complaint.clone());
            match complaints.len() {
                ..ATTEMPTS_MAX => {}
                _ if only_warned && all_alike => {
                    warn_of_rules(&complaint);
                    return Ok((password, Some(complaint)));
                }
                attempts => return Err(VerbError::NoAcceptablePassword { attempts, why: complaint }),
            }
        }
    }

    /// Hands out a candidate's ciphertext again.
    pub(super) fn ciphertext(&self, version: PasswordVersion) -> Result<Prepared, VerbError> {
        let entry = self.half.journal.candidate(version)?;
        // Root may have changed its mind about who decrypts.
        let managed = Managed::read(self.root())?;
        let directory = managed.directory(self.root(), &entry.directory, &entry.record)?;
        let principal = entry.encrypted_to.as_ref().map(|to| &to.principal);
        directory.check_encryption(self.root(), principal)?;
        let sealed = entry.sealed.as_deref().ok_or(ProtocolError::UnknownVersion)?;
        Ok(tell(entry, told_sealed(sealed)))
    }
}

fn warn_of_rules(why: &str) {
    let event = EventId::PasswordRuleWarned;
    let (number, message_id) = (event.code().to_string(), event.message_id());
    let fields = [("EVENT_ID", number.as_str()), ("MESSAGE_ID", &message_id)];
    log::warning(&format!("The host's password rules were not obeyed: {why}"), &fields);
}

fn told_sealed(sealed: &[u8]) -> Material {
    Material::Sealed(BASE64_STANDARD.encode(sealed))
}

fn tell(entry: &Entry, material: Material) -> Prepared {
    Prepared {
        version: entry.version.to_string(),
        account: entry.account.to_string(),
        uid: entry.uid.0,
        expiry: entry.expiry.to_string(),
        material,
        warning: None,
    }
}

fn parse_rules(root: &Root, asked: &AskedRules) -> Result<Rules, VerbError> {
    let malformed = |error: lapwing_core::policy::Unsupported| VerbError::Malformed(error.to_string());
    let complexity = PasswordComplexity::parse(asked.password_complexity.into()).map_err(malformed)?;
    let password = PasswordLength::parse(asked.password_length.into()).map_err(malformed)?;
    let passphrase = PassphraseLength::parse(asked.passphrase_length.into()).map_err(malformed)?;
    match &asked.passphrase_word_list {
        // DEVIATION(4): Windows takes no list but its own.
        Some(name) if complexity.is_passphrase() => {
            let list = own_word_list(root, &name.parse().map_err(malformed)?)?;
            Ok(Rules::from_words(list, passphrase))
        }
        Some(_) | None => Ok(Rules::new(complexity, password, passphrase)),
    }
}

/// The list is root's word as much as `managed.toml` is: who can shorten it can guess passwords.
fn own_word_list(root: &Root, name: &WordListName) -> Result<WordList, VerbError> {
    let path = root.word_list(name);
    let len_max = u64::try_from(WORD_LIST_BYTES_MAX).unwrap_or(u64::MAX);
    let text = managed::read_as_root(&path, len_max)?;
    WordList::parse(name, &text).map_err(|source| VerbError::WordList { path, source })
}
