//! The form of a policy: every setting as the CSP's table has it, what was typed, and what is wrong with it.
//!
//! The same judgement serves who types with scripts, asked for at each pause ([`check`]), and who sends the form without.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use lapwing_core::{
    csp::{Tree, depends_on, supported},
    policy::{Kind, Setting, choices},
};
use lapwing_proto::graph::{ConfigurationPolicy, write_settings};
use serde::Serialize;

use super::super::{page::SettingName, visit::Visit};
use crate::{
    http::fault::Fault,
    policies,
    rules::policy_form::{self, Checked, Finding, RevealHoursError, check_name, check_reveal_hours},
    store::{PolicyContent, PolicyRow},
};

/// The name of the one field that is no setting of the CSP: the server alone acts by it.
const HOURS: &str = "rotateAfterRevealHours";
/// What people read in its place.
pub(super) const HOURS_LABEL: &str = "Hours from a reveal to a rotation";

/// What was typed, as it was typed.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) description: String,
    /// `rotateAfterRevealHours`; nothing for never.
    pub(super) hours: String,
    pub(super) values: BTreeMap<Setting, String>,
}

/// What is said beside a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Said {
    pub(in super::super) kind: SaidKind,
    pub(in super::super) text: String,
}

/// Whether it has to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum SaidKind {
    Fault,
    Remark,
}

impl Said {
    pub(in super::super) fn fault(text: impl ToString) -> Self {
        Self { kind: SaidKind::Fault, text: text.to_string() }
    }

    /// The same as a script is told.
    pub(in super::super) const fn class(&self) -> &'static str {
        match self.kind {
            SaidKind::Fault => "fault",
            SaidKind::Remark => "remark",
        }
    }
}

/// A field as it is shown.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: SettingName,
    pub(super) help: &'static str,
    /// What holds where nothing is set.
    pub(super) default: String,
    /// What a number may be.
    pub(super) range: Option<String>,
    pub(super) depends_on: Option<String>,
    pub(super) input: Input,
    pub(super) value: String,
    pub(super) said: Option<Said>,
}

impl Field {
    pub(super) fn is_at_fault(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.kind == SaidKind::Fault)
    }
}

/// How a field is filled in.
pub(super) enum Input {
    /// One of these; each with its value and its words.
    Choice(Vec<(String, String)>),
    Number,
    Text,
}

/// The whole form.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) name_said: Option<Said>,
    pub(super) description: String,
    pub(super) hours: String,
    pub(super) hours_said: Option<Said>,
    pub(super) settings: Vec<Field>,
}

impl Typed {
    pub(super) fn of(visit: &Visit) -> Self {
        let text = |name: &str| visit.form.get(name).unwrap_or_default().to_owned();
        Self {
            name: text("name").trim().to_owned(),
            description: text("description").replace("\r\n", "\n"),
            hours: text(HOURS).trim().to_owned(),
            values: policy_form::settings().map(|setting| (setting, text(setting.name()))).collect(),
        }
    }

    /// As it would have been typed for this content.
    pub(super) fn from_content(content: &PolicyContent) -> Result<Self, Fault> {
        let values = content.tree.values().map(|(setting, data)| (setting, data.to_owned()));
        let document = policies::document(content)?;
        Ok(Self {
            name: content.name.clone(),
            description: document.description.unwrap_or_default(),
            hours: document.rotate_after_reveal_hours.map(|hours| hours.to_string()).unwrap_or_default(),
            values: values.collect(),
        })
    }

    /// Before anything is typed.
    pub(super) const fn nothing() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            hours: String::new(),
            values: BTreeMap::new(),
        }
    }

    /// Its members, to be sent once more.
    pub(super) fn members(&self) -> Vec<(String, String)> {
        let texts = [("name", &self.name), ("description", &self.description), (HOURS, &self.hours)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.clone()));
        let values = self.values.iter().map(|(setting, text)| (setting.name().to_owned(), text.clone()));
        texts.into_iter().chain(values.filter(|(_, text)| !text.is_empty())).collect()
    }

    /// What is said of it, field by field, and the leaves that it comes to.
    pub(super) fn judge(&self) -> (BTreeMap<&'static str, Said>, Checked) {
        let checked = policy_form::check(&self.values);
        let mut said: BTreeMap<&'static str, Said> = checked
            .findings
            .iter()
            .map(|(setting, finding)| {
                let said = match finding {
                    Finding::Fault(text) => Said::fault(text),
                    Finding::Remark(text) => Said { kind: SaidKind::Remark, text: text.clone() },
                };
                (setting.name(), said)
            })
            .collect();
        if let Err(error) = self.hours(&checked.tree) {
            said.insert(HOURS, Said::fault(error));
        }
        if let Err(error) = check_name(&self.name) {
            said.insert("name", Said::fault(error));
        }
        (said, checked)
    }

    /// The content that it comes to, on top of what the policy says beside; none if something has to be mended first.
    pub(super) fn content(&self, current: Option<&PolicyRow>) -> Result<Option<PolicyContent>, Fault> {
        let (said, checked) = self.judge();
        if said.values().any(|said| said.kind == SaidKind::Fault) || !checked.is_good() {
            return Ok(None);
        }
        let base = match current {
            Some(row) => policies::document(&row.content)?,
            None => ConfigurationPolicy::new(self.name.clone()),
        };
        let settings = write_settings(&checked.tree)
            .map_err(|error| Fault::bad_request(format!("{error}; {}", error.next_step())))?;
        let policy = ConfigurationPolicy {
            name: self.name.clone(),
            description: Some(self.description.clone()),
            rotate_after_reveal_hours: self.hours(&checked.tree).unwrap_or_default(),
            settings: Some(settings),
            ..base
        };
        policies::content(policy).map(Some)
    }

    /// Whether this says what a content says already, however either is written.
    pub(super) fn is_as_in(&self, current: &PolicyContent, typed: &PolicyContent) -> Result<bool, Fault> {
        let before = Self::from_content(current)?;
        let is_named_so = before.name == self.name
            && before.description == self.description
            && before.hours(&current.tree) == self.hours(&typed.tree);
        Ok(is_named_so && policy_form::changes(&current.tree, &typed.tree).is_empty())
    }

    /// The form, and beside each field what is said of it.
    pub(super) fn fields(&self) -> Fields {
        let (mut said, _) = self.judge();
        Fields {
            // An empty form is not at fault yet.
            name_said: said.remove("name").filter(|_| !self.is_untouched()),
            name: self.name.clone(),
            description: self.description.clone(),
            hours_said: said.remove(HOURS),
            hours: self.hours.clone(),
            settings: policy_form::settings()
                .map(|setting| {
                    let value = self.values.get(&setting).cloned().unwrap_or_default();
                    field(setting, value, said.remove(setting.name()))
                })
                .collect(),
        }
    }

    fn hours(&self, tree: &Tree) -> Result<Option<u16>, RevealHoursError> {
        match self.hours.as_str() {
            "" => Ok(None),
            text => check_reveal_hours(text.parse().map_err(|_| RevealHoursError::Range)?, tree),
        }
    }

    fn is_untouched(&self) -> bool {
        self.name.is_empty() && self.values.values().all(String::is_empty)
    }
}

fn field(setting: Setting, value: String, said: Option<Said>) -> Field {
    let (default, mut input) = match setting.kind() {
        Kind::Integer { default, .. } => {
            let choices: Vec<_> =
                choices(setting).into_iter().map(|(number, doc)| (number.to_string(), plain(doc))).collect();
            let input = if choices.is_empty() { Input::Number } else { Input::Choice(choices) };
            (default.map_or("none".to_owned(), |number| in_words(setting, &number.to_string())), input)
        }
        Kind::Boolean { default } => {
            let choices = ["true", "false"].map(|word| (word.to_owned(), word.to_owned()));
            (default.to_string(), Input::Choice(choices.into()))
        }
        Kind::Text { default } => (default.to_owned(), Input::Text),
    };
    if let Input::Choice(choices) = &mut input
        && !value.is_empty()
        && !choices.iter().any(|(choice, _)| *choice == value)
    {
        // What came in by another way is not lost by being looked at.
        choices.push((value.clone(), value.clone()));
    }
    Field {
        name: setting.name(),
        label: SettingName(setting),
        help: setting.doc(),
        default,
        range: matches!(input, Input::Number).then(|| supported(setting)),
        depends_on: depends_on(setting).map(plain),
        input,
        value,
        said,
    }
}

/// A line of the core's documentation as the console shows it.
fn plain(text: &str) -> String {
    text.trim_end_matches('.').replace('`', "")
}

/// What a script is told while somebody types.
#[derive(Serialize)]
struct Answer {
    said: BTreeMap<&'static str, Said>,
}

/// Judges what is typed. Changes nothing.
pub(in super::super) async fn check(visit: Visit) -> Result<Response, Fault> {
    let (said, _) = Typed::of(&visit).judge();
    Ok(Json(Answer { said }).into_response())
}

/// A value of a leaf, for people: with what a choice means.
pub(super) fn in_words(setting: Setting, value: &str) -> String {
    let known = choices(setting).into_iter().find(|(number, _)| number.to_string() == value);
    known.map_or_else(|| value.to_owned(), |(_, doc)| plain(doc))
}

/// All leaves of a tree, for people.
pub(super) fn leaves(tree: &Tree) -> Vec<(&'static str, String)> {
    tree.values().map(|(setting, value)| (setting.name(), in_words(setting, value))).collect()
}
