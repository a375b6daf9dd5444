//! What Group Policy objects together set for LAPS. [MS-GPREG] 2.2.1.

use std::collections::BTreeMap;

use lapwing_core::policy::{PolicyRoot, RawEntry, RawPolicy, RawValue};

use super::registry_pol::Record;

/// The key of Windows LAPS. "Configure policy settings for Windows LAPS", Supported policy roots.
pub const LAPS_KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS";
/// The key of legacy Microsoft LAPS.
pub const LEGACY_KEY: &str = r"Software\Policies\Microsoft Services\AdmPwd";

/// Whether an entry may set or take away something under one of the two keys. The others need not be kept.
#[must_use]
pub fn concerns_laps(record: &Record) -> bool {
    root_of(&record.key).is_some() || below(&record.value, "**DeleteKeys").is_some_and(is_end)
}

/// The values under the two keys, after any number of objects. Of two for one name the later one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryPolicy {
    /// By root and by name in lower case, since the registry knows no case.
    values: BTreeMap<(PolicyRoot, String), RawEntry>,
}

impl RegistryPolicy {
    /// Applies one object's file to what was applied before. Entries of other keys are passed over.
    pub fn apply(&mut self, gpo: &str, records: &[Record]) {
        for record in records {
            if let Some(under) = below(&record.value, "**DeleteKeys") {
                if is_end(under) {
                    self.delete_keys(record);
                }
            } else if let Some(root) = root_of(&record.key) {
                self.apply_to(root, gpo, record);
            }
        }
    }

    /// What holds, for the core to resolve beside its other roots.
    #[must_use]
    pub fn into_sources(self) -> Vec<RawPolicy> {
        let mut sources: Vec<RawPolicy> = [PolicyRoot::GroupPolicy, PolicyRoot::Legacy]
            .map(|root| RawPolicy { root, entries: Vec::new() })
            .into();
        for ((root, _), entry) in self.values {
            if let Some(source) = sources.iter_mut().find(|source| source.root == root) {
                source.entries.push(entry);
            }
        }
        sources
    }

    fn apply_to(&mut self, root: PolicyRoot, gpo: &str, record: &Record) {
        let entry = |name: &str| RawEntry {
            name: name.to_owned(),
            value: value(record.kind, &record.data),
            origin: gpo.to_owned(),
        };
        let name = record.value.as_str();
        if let Some(under) = below(name, "**DelVals")
            && is_end(under)
        {
            self.values.retain(|(of, _), _| *of != root);
        } else if let Some(under) = below(name, "**DeleteValues")
            && is_end(under)
        {
            for name in names(record) {
                self.values.remove(&key(root, &name));
            }
        } else if let Some(name) = below(name, "**Del.") {
            self.values.remove(&key(root, name));
        } else if let Some(name) = below(name, "**Soft.") {
            self.values.entry(key(root, name)).or_insert_with(|| entry(name));
        } else if !name.is_empty() && !name.starts_with("**") {
            self.values.insert(key(root, name), entry(name));
        }
        // The rest secures keys, comments them, or makes a key without a value: nothing that is a setting.
    }

    fn delete_keys(&mut self, record: &Record) {
        for name in names(record) {
            let deleted = if record.key.is_empty() { name } else { format!("{}\\{name}", record.key) };
            let is_within = |path: &str| {
                below(path, &deleted).is_some_and(|under| under.is_empty() || under.starts_with('\\'))
            };
            self.values.retain(|(root, _), _| !paths(*root).is_some_and(is_within));
        }
    }
}

fn key(root: PolicyRoot, name: &str) -> (PolicyRoot, String) {
    (root, name.to_ascii_lowercase())
}

const fn paths(root: PolicyRoot) -> Option<&'static str> {
    match root {
        PolicyRoot::GroupPolicy => Some(LAPS_KEY),
        PolicyRoot::Legacy => Some(LEGACY_KEY),
        PolicyRoot::Csp | PolicyRoot::Local => None,
    }
}

fn root_of(path: &str) -> Option<PolicyRoot> {
    [PolicyRoot::GroupPolicy, PolicyRoot::Legacy]
        .into_iter()
        .find(|root| paths(*root).is_some_and(|own| own.eq_ignore_ascii_case(path)))
}

/// What follows a beginning in any case.
fn below<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// Editors write a full stop, and some a blank, behind an instruction that has its names in the data.
fn is_end(under: &str) -> bool {
    under.trim_end_matches([' ', '.']).is_empty()
}

/// The names in the data of an instruction, between semicolons.
fn names(record: &Record) -> Vec<String> {
    let text = text(&record.data).unwrap_or_default();
    text.split(';').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

/// The data as the core takes values. One of another type or length is no value, and yet there. "Registry value types".
fn value(kind: u32, data: &[u8]) -> RawValue {
    match (kind, <[u8; 4]>::try_from(data)) {
        (4, Ok(bytes)) => RawValue::Integer(u32::from_le_bytes(bytes).into()),
        (1, _) => text(data).map_or(RawValue::Foreign("REG_SZ of malformed text"), RawValue::Text),
        (4, Err(_)) => RawValue::Foreign("REG_DWORD of a wrong length"),
        (0, _) => RawValue::Foreign("REG_NONE"),
        (2, _) => RawValue::Foreign("REG_EXPAND_SZ"),
        (3, _) => RawValue::Foreign("REG_BINARY"),
        (5, _) => RawValue::Foreign("REG_DWORD_BIG_ENDIAN"),
        (6, _) => RawValue::Foreign("REG_LINK"),
        (7, _) => RawValue::Foreign("REG_MULTI_SZ"),
        (11, _) => RawValue::Foreign("REG_QWORD"),
        _ => RawValue::Foreign("a value of an unknown type"),
    }
}

/// A text up to its null character, which some writers leave out.
fn text(data: &[u8]) -> Option<String> {
    let (units, odd) = data.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    odd.is_empty().then(|| char::decode_utf16(units).collect::<Result<_, _>>().ok())?
}

#[cfg(test)]
mod tests;
