//! Which attributes of the computer hold what, and how a password is stored in them.

use lapwing_client::ad::{Change, Entry, LapsSchema};
use lapwing_core::{
    agent::{Expected, Known, Store, Told},
    laps::password_value,
    secret::{Password, SecretBytes},
    types::{FileTime, PasswordVersion},
};
use lapwing_proto::ad::{
    attribute::{LEGACY_EXPIRATION_TIME, LEGACY_PASSWORD, LapsAttribute},
    refusal,
    value::{expiry_value, parse_expiry, parse_version, unique_expiry, version_value},
};

use super::{
    history::{Ciphertexts, Kept, Slot, spared},
    plain,
};

const PASSWORD: &str = LapsAttribute::Password.ldap_name();
const EXPIRY: &str = LapsAttribute::PasswordExpirationTime.ldap_name();
const VERSION: &str = LapsAttribute::CurrentPasswordVersion.ldap_name();

/// Whose attributes the policy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Attributes {
    /// Those of Windows LAPS.
    WindowsLaps,
    /// Those of legacy Microsoft LAPS.
    Legacy,
}

/// How passwords are laid out, as far as the schema has a place for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Password, expiry and version.
    Versions,
    /// Password and expiry, which stands for a version too.
    ByExpiry,
    /// The same in the attributes of legacy Microsoft LAPS.
    Legacy,
}

/// What was read of the computer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// None if there is none, or none that this host may read.
    pub(super) version: Option<PasswordVersion>,
    pub(super) expiry: Option<FileTime>,
    /// The expiry in the very form that it has there, by which it is named to be replaced.
    expiry_text: Option<String>,
    account: Ciphertexts,
    controller: Ciphertexts,
}

/// What a password is stored as.
#[derive(Debug)]
pub(super) enum Stored<'a> {
    /// As it is, with when it was first sent.
    Clear(&'a Password, FileTime),
    /// Encrypted, as the whole value that it becomes.
    Encrypted(&'a [u8], Slot, Kept<'a>),
}

impl Found {
    pub(super) const fn ciphertexts(&self, slot: Slot) -> &Ciphertexts {
        match slot {
            Slot::Account => &self.account,
            Slot::Controller => &self.controller,
        }
    }

    /// The ciphertexts to spare when something is stored over what was read.
    pub(super) fn spared(&self, store: &Store) -> Vec<Vec<u8>> {
        let in_force = store.in_force_encrypted_to.as_ref().map(|in_force| in_force.updated);
        spared([&self.account, &self.controller], in_force)
    }
}

impl Layout {
    /// The one that a schema allows; none if it lacks what is needed. Passwords are encrypted into the slot, if there is one.
    pub(super) fn of(schema: &LapsSchema, attributes: Attributes, slot: Option<Slot>) -> Option<Self> {
        match attributes {
            Attributes::Legacy => schema.legacy_password.and(schema.legacy_expiry).map(|_| Self::Legacy),
            Attributes::WindowsLaps => {
                let passwords = slot.map_or(vec![LapsAttribute::Password], |slot| slot.attributes().to_vec());
                let mut needed = passwords.into_iter().chain([LapsAttribute::PasswordExpirationTime]);
                let has_version = schema.has(LapsAttribute::CurrentPasswordVersion);
                needed.all(|attribute| schema.has(attribute)).then_some(if has_version {
                    Self::Versions
                } else {
                    Self::ByExpiry
                })
            }
        }
    }

    /// Whose attributes these are, for the event that a refusal calls for.
    pub(super) const fn family(self) -> refusal::Attributes {
        match self {
            Self::Versions | Self::ByExpiry => refusal::Attributes::WindowsLaps,
            Self::Legacy => refusal::Attributes::Legacy,
        }
    }

    const fn expiry(self) -> &'static str {
        match self {
            Self::Versions | Self::ByExpiry => EXPIRY,
            Self::Legacy => LEGACY_EXPIRATION_TIME,
        }
    }

    /// What is read of the computer: never a password, but as ciphertext.
    pub(super) fn attributes(self) -> Vec<&'static str> {
        let ciphertexts = || Slot::ALL.into_iter().flat_map(Slot::attributes).map(LapsAttribute::ldap_name);
        match self {
            Self::Versions => [EXPIRY, VERSION].into_iter().chain(ciphertexts()).collect(),
            Self::ByExpiry => [EXPIRY].into_iter().chain(ciphertexts()).collect(),
            Self::Legacy => vec![LEGACY_EXPIRATION_TIME],
        }
    }

    /// Understands what was read; the name of the attribute that makes no sense otherwise.
    pub(super) fn found(self, entry: &Entry) -> Result<Found, &'static str> {
        let expiry_text = entry.text(self.expiry()).map(str::to_owned);
        let expiry = expiry_text.as_deref().map(parse_expiry).transpose().map_err(|_| self.expiry())?;
        let version = entry.value(VERSION).map(parse_version).transpose().map_err(|_| VERSION)?;
        let [account, controller] = Slot::ALL.map(|slot| slot.read(entry));
        Ok(Found { version, expiry, expiry_text, account, controller })
    }

    /// The one modification that stores a password, which fails unless the directory holds what is expected.
    ///
    /// By naming old values, never with the control for permissive modifications, under which it would succeed all the
    /// same. [MS-ADTS] 3.1.1.3.4.1.8.
    pub(super) fn store(self, store: &Store, stored: &Stored<'_>, found: &Found) -> Vec<Change> {
        let mut changes = self.password(store, stored, found);
        let version = || plain(version_value(store.version));
        let expiry = plain(expiry_value(unique_expiry(store.expiry.0, store.version, &[])));
        let is_by_version = match (self, store.expected) {
            (Self::Versions, Expected::Version(old)) => {
                changes.push(Change::Delete(VERSION, plain(version_value(old))));
                changes.push(Change::Add(VERSION, version()));
                true
            }
            (Self::Versions, Expected::Nothing) => {
                changes.push(Change::Add(VERSION, version()));
                true
            }
            (Self::Versions, Expected::AsRead) => {
                changes.push(Change::Replace(VERSION, version()));
                false
            }
            (Self::ByExpiry | Self::Legacy, _) => false,
        };
        if is_by_version {
            changes.push(Change::Replace(self.expiry(), expiry));
        } else {
            let old = found.expiry_text.as_deref().map(|old| Change::Delete(self.expiry(), plain(old)));
            changes.extend(old);
            changes.push(Change::Add(self.expiry(), expiry));
        }
        changes
    }
}

impl Layout {
    /// The password alone: in one form and one place, and gone in the others.
    fn password(self, store: &Store, stored: &Stored<'_>, found: &Found) -> Vec<Change> {
        let retired = |slot: Slot| slot.retire(found.ciphertexts(slot));
        match (self, stored) {
            (Self::Versions | Self::ByExpiry, Stored::Clear(password, updated)) => {
                let value = password_value(&store.account, *updated, password);
                [Change::Replace(PASSWORD, value)]
                    .into_iter()
                    .chain(Slot::ALL.into_iter().flat_map(retired))
                    .collect()
            }
            (Self::Legacy, Stored::Clear(password, _)) => {
                let value = SecretBytes::new(password.expose_secret().as_bytes().to_vec());
                vec![Change::Replace(LEGACY_PASSWORD, value)]
            }
            (_, Stored::Encrypted(value, slot, kept)) => {
                let mut changes = slot.store(value, found.ciphertexts(*slot), kept);
                // This host may have become a domain controller since, or have ceased to be one.
                changes.extend(retired(slot.other()));
                changes.push(Change::Clear(PASSWORD));
                changes
            }
        }
    }
}

/// The modification that succeeds if the directory holds this version, and then changes nothing.
pub(super) fn unchanged(version: PasswordVersion) -> Vec<Change> {
    let value = || plain(version_value(version));
    vec![Change::Delete(VERSION, value()), Change::Add(VERSION, value())]
}

/// Which of the known passwords the directory holds, told by the expiry that was stored with it.
pub(super) fn by_expiry(expiry: Option<FileTime>, known: &[Known]) -> Told {
    let Some(expiry) = expiry else { return Told::Version(None) };
    let is_it = |known: &&Known| unique_expiry(known.expiry.0, known.version, &[]) == expiry;
    match known.iter().find(is_it) {
        Some(known) => Told::Version(Some(known.version)),
        None => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::{Guid, Uid, WallTime};

    use super::*;

    fn version(number: u8) -> PasswordVersion {
        PasswordVersion(Guid::from_bytes([number; 16]))
    }

    fn expiry() -> FileTime {
        "2026-12-24T18:00:00Z".parse().unwrap()
    }

    fn store(expected: Expected) -> Store {
        Store {
            version: version(2),
            account: "lapadmin".parse().unwrap(),
            uid: Uid(1000),
            expected,
            in_force: None,
            in_force_encrypted_to: None,
            expiry: WallTime(expiry()),
        }
    }

    fn updated() -> FileTime {
        FileTime::from_ticks(0x1_dd1e_7a00_0000).unwrap()
    }

    /// The modification in words, in its order.
    fn in_words(changes: &[Change]) -> Vec<String> {
        let words = |value: &SecretBytes| match value.expose_secret() {
            [first, ..] if value.expose_secret().len() == 16 && !first.is_ascii_digit() => {
                format!("version {first}")
            }
            text => String::from_utf8(text.to_vec()).unwrap(),
        };
        let in_words = |change: &Change| match change {
            Change::Add(name, value) => format!("add {name} {}", words(value)),
            Change::Delete(name, value) => format!("delete {name} {}", words(value)),
            Change::Replace(name, value) => format!("replace {name} {}", words(value)),
            Change::Clear(name) => format!("clear {name}"),
        };
        changes.iter().map(in_words).collect()
    }

    fn changes(layout: Layout, expected: Expected, expiry_text: Option<&str>) -> Vec<String> {
        let found = Found { expiry_text: expiry_text.map(str::to_owned), ..Found::default() };
        let password = Password::new("Wq7+kd{T2m.Z!x".to_owned());
        in_words(&layout.store(&store(expected), &Stored::Clear(&password, updated()), &found))
    }

    const VALUE: &str =
        r#"replace msLAPS-Password {"n":"lapadmin","t":"1dd1e7a000000","p":"Wq7+kd{T2m.Z!x"}"#;

    #[test]
    fn a_store_names_the_version_that_it_replaces_and_writes_all_at_once() {
        let marked = expiry_value(unique_expiry(expiry(), version(2), &[]));
        assert_eq!(
            changes(Layout::Versions, Expected::Version(version(1)), Some("7")),
            [
                VALUE.to_owned(),
                "delete msLAPS-CurrentPasswordVersion version 1".to_owned(),
                "add msLAPS-CurrentPasswordVersion version 2".to_owned(),
                format!("replace msLAPS-PasswordExpirationTime {marked}"),
            ]
        );
        assert_eq!(
            changes(Layout::Versions, Expected::Nothing, None)[1..2],
            ["add msLAPS-CurrentPasswordVersion version 2"]
        );
    }

    #[test]
    fn where_the_version_cannot_be_named_the_expiry_is() {
        let marked = expiry_value(unique_expiry(expiry(), version(2), &[]));
        let by_expiry = [
            "delete msLAPS-PasswordExpirationTime 7",
            &format!("add msLAPS-PasswordExpirationTime {marked}"),
        ];
        assert_eq!(
            changes(Layout::Versions, Expected::AsRead, Some("7"))[1..],
            ["replace msLAPS-CurrentPasswordVersion version 2", by_expiry[0], by_expiry[1]]
        );
        for expected in [Expected::Version(version(1)), Expected::AsRead] {
            assert_eq!(changes(Layout::ByExpiry, expected, Some("7"))[1..], by_expiry);
        }
        // An expiry that is there all the same makes the whole fail.
        assert_eq!(changes(Layout::ByExpiry, Expected::Nothing, None)[1..], by_expiry[1..]);
        assert_eq!(
            changes(Layout::Legacy, Expected::Nothing, Some("7")),
            [
                "replace ms-Mcs-AdmPwd Wq7+kd{T2m.Z!x",
                "delete ms-Mcs-AdmPwdExpirationTime 7",
                &format!("add ms-Mcs-AdmPwdExpirationTime {marked}"),
            ]
        );
    }

    #[test]
    fn what_a_host_stored_in_another_role_is_retired_by_the_first_store_in_its_own() {
        let stored = |ciphertext: &str| Ciphertexts { current: Some(ciphertext.into()), history: Vec::new() };
        let found =
            Found { account: stored("a member's"), controller: stored("a controller's"), ..Found::default() };
        let store = store(Expected::Nothing);
        let spared = found.spared(&store);
        let kept = Kept { number: 0, spared: &spared, now: updated() };
        let passwords = |stored: &Stored<'_>| in_words(&Layout::Versions.password(&store, stored, &found));
        let retired = [
            "add msLAPS-EncryptedPasswordHistory a member's",
            "clear msLAPS-EncryptedPassword",
            "add msLAPS-EncryptedDSRMPasswordHistory a controller's",
            "clear msLAPS-EncryptedDSRMPassword",
        ];
        assert_eq!(
            passwords(&Stored::Encrypted(b"new", Slot::Controller, kept)),
            [
                "replace msLAPS-EncryptedDSRMPassword new",
                retired[2],
                retired[0],
                retired[1],
                "clear msLAPS-Password"
            ]
        );
        assert_eq!(
            passwords(&Stored::Encrypted(b"new", Slot::Account, kept)),
            [
                "replace msLAPS-EncryptedPassword new",
                retired[0],
                retired[2],
                retired[3],
                "clear msLAPS-Password"
            ]
        );
        let password = Password::new("Wq7+kd{T2m.Z!x".to_owned());
        assert_eq!(passwords(&Stored::Clear(&password, updated()))[1..], retired);
    }

    #[test]
    fn what_every_role_has_stored_is_read() {
        for layout in [Layout::Versions, Layout::ByExpiry] {
            let read = layout.attributes();
            let all = Slot::ALL.into_iter().flat_map(Slot::attributes);
            assert!(all.into_iter().all(|attribute| read.contains(&attribute.ldap_name())), "{read:?}");
        }
    }

    #[test]
    fn an_expiry_tells_which_of_the_known_passwords_was_stored_with_it() {
        let known = |number: u8| Known { version: version(number), expiry: WallTime(expiry()) };
        let all = [known(1), known(2)];
        for of in &all {
            let stored = unique_expiry(of.expiry.0, of.version, &[]);
            assert_eq!(by_expiry(Some(stored), &all), Told::Version(Some(of.version)));
        }
        assert_eq!(by_expiry(Some(expiry()), &all), Told::Nothing);
        assert_eq!(by_expiry(None, &all), Told::Version(None));
    }
}
