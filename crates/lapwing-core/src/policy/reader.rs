//! Reads one value at a time and keeps account of what became of each.

use std::collections::BTreeMap;

use super::explain::{Because, Explanation, Seen, SeenBySetting, ValueSource, Verdict};
use super::root::RawValue;
use super::setting::{Kind, Setting};
use super::values::Number;

/// What was seen under the roots, of which at most one value of each setting is in force.
pub(super) struct Reader {
    seen: SeenBySetting,
    settled: BTreeMap<Setting, (Option<String>, ValueSource)>,
}

impl Reader {
    pub(super) const fn new(seen: SeenBySetting) -> Self {
        Self { seen, settled: BTreeMap::new() }
    }

    /// The value in force, if any.
    pub(super) fn raw(&self, setting: Setting) -> Option<&RawValue> {
        self.seen.get(&setting)?.iter().find(|seen| seen.verdict == Verdict::InForce).map(|seen| &seen.value)
    }

    /// The value in force, if `parse` takes it. If not, its verdict says why, and it is in force no longer.
    pub(super) fn read<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&RawValue) -> Result<T, Verdict>,
    ) -> Option<T> {
        match parse(self.raw(setting)?) {
            Ok(value) => Some(value),
            Err(verdict) => {
                self.judge(setting, &verdict);
                None
            }
        }
    }

    /// A number, or its default.
    pub(super) fn number<N: Number>(&mut self) -> N {
        self.number_if(|_| true)
    }

    /// A number that `accept` accepts as well, or its default.
    pub(super) fn number_if<N: Number>(&mut self, accept: impl Fn(&N) -> bool) -> N {
        let read = self.read(N::SETTING, |raw| {
            N::from_number(integer(raw)?).ok().filter(accept).ok_or_else(|| unsupported(N::SETTING))
        });
        let source = if read.is_some() { ValueSource::Configured } else { ValueSource::Default };
        let value = read.unwrap_or(N::DEFAULT);
        self.settle(N::SETTING, value.to_number(), source);
        value
    }

    /// The same unless there is a reason why it means nothing; then the default, which nobody will use.
    pub(super) fn number_unless<N: Number>(&mut self, unused: Option<Because>) -> N {
        match unused {
            None => self.number(),
            Some(because) => {
                self.unused(because, &[N::SETTING]);
                N::DEFAULT
            }
        }
    }

    /// Yes or no, or the default.
    pub(super) fn boolean(&mut self, setting: Setting) -> bool {
        let default = matches!(setting.kind(), Kind::Boolean { default: true });
        self.boolean_or(setting, default)
    }

    /// Yes or no, or a default that is not the table's.
    pub(super) fn boolean_or(&mut self, setting: Setting, default: bool) -> bool {
        let read = self.read(setting, boolean);
        let source = if read.is_some() { ValueSource::Configured } else { ValueSource::Default };
        let value = read.unwrap_or(default);
        self.settle(setting, value, source);
        value
    }

    /// Notes what holds.
    pub(super) fn settle(&mut self, setting: Setting, value: impl ToString, source: ValueSource) {
        self.settled.insert(setting, (Some(value.to_string()), source));
    }

    /// Notes the default of a text or of an optional number.
    pub(super) fn settle_default(&mut self, setting: Setting) {
        let default = match setting.kind() {
            Kind::Integer { default, .. } => default.map(|number| number.to_string()),
            Kind::Boolean { default } => Some(default.to_string()),
            Kind::Text { default } => Some(default.to_owned()),
        };
        self.settled.insert(setting, (default, ValueSource::Default));
    }

    /// Notes that the value in force cannot be used and that nothing takes its place.
    pub(super) fn unusable(&mut self, setting: Setting, verdict: &Verdict) {
        self.judge(setting, verdict);
        self.settled.insert(setting, (None, ValueSource::Unusable));
    }

    /// Notes that these mean nothing beside the others.
    pub(super) fn unused(&mut self, because: Because, settings: &[Setting]) {
        for setting in settings {
            self.judge(*setting, &Verdict::Unused(because));
            self.settled.insert(*setting, (None, ValueSource::Unused));
        }
    }

    /// Replaces the verdict on the value in force.
    pub(super) fn judge(&mut self, setting: Setting, verdict: &Verdict) {
        let in_force = |seen: &&mut Seen| seen.verdict == Verdict::InForce;
        if let Some(seen) = self.seen.get_mut(&setting).and_then(|seen| seen.iter_mut().find(in_force)) {
            seen.verdict = verdict.clone();
        }
    }

    /// All settings. Those that nobody read mean nothing, because nothing is managed or legacy LAPS lacks them.
    pub(super) fn explain(mut self) -> Vec<Explanation> {
        for setting in Setting::ALL {
            if !self.settled.contains_key(setting) {
                self.unused(Because::BackupIsOff, &[*setting]);
            }
        }
        let Self { mut seen, settled } = self;
        let explanation = |(setting, (effective, source))| Explanation {
            setting,
            effective,
            source,
            seen: seen.remove(&setting).unwrap_or_default(),
        };
        settled.into_iter().map(explanation).collect()
    }
}

pub(super) fn integer(raw: &RawValue) -> Result<i64, Verdict> {
    match raw {
        RawValue::Integer(number) => Ok(*number),
        RawValue::Boolean(_) | RawValue::Text(_) | RawValue::Foreign(_) => {
            Err(Verdict::Malformed { expected: "a number" })
        }
    }
}

/// The registry writes 1 and 0, a policy file true and false.
pub(super) fn boolean(raw: &RawValue) -> Result<bool, Verdict> {
    match raw {
        RawValue::Boolean(truth) => Ok(*truth),
        RawValue::Integer(0) => Ok(false),
        RawValue::Integer(1) => Ok(true),
        RawValue::Integer(_) => Err(Verdict::Unsupported { supported: "0 or 1".to_owned() }),
        RawValue::Text(_) | RawValue::Foreign(_) => Err(Verdict::Malformed { expected: "true or false" }),
    }
}

pub(super) fn text(raw: &RawValue) -> Result<&str, Verdict> {
    match raw {
        RawValue::Text(text) => Ok(text),
        RawValue::Integer(_) | RawValue::Boolean(_) | RawValue::Foreign(_) => {
            Err(Verdict::Malformed { expected: "a text" })
        }
    }
}

/// The verdict on a value of the right type that the table does not support.
pub(super) fn unsupported(setting: Setting) -> Verdict {
    let supported = match setting.kind() {
        Kind::Integer { allowed, .. } => allowed.to_string(),
        Kind::Boolean { .. } => "0 or 1".to_owned(),
        Kind::Text { .. } => "a name".to_owned(),
    };
    Verdict::Unsupported { supported }
}
