//! What all pages share: their frame, times and marks in words, and the page for what went wrong.

use core::fmt::{self, Display};

use askama::{Template, filters::HtmlSafe};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use lapwing_core::{policy::Setting, types::FileTime};

use super::assets;
use crate::{
    http::fault::Fault,
    rules::{
        access::{Act, Role},
        fleet::FleetState,
    },
};

/// The frame around a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Shell {
    pub(super) title: &'static str,
    pub(super) tenant: String,
    /// Who is signed in.
    pub(super) operator: Option<String>,
    pub(super) links: Vec<Link>,
    /// For every form.
    pub(super) csrf: String,
    /// For forms whose answer is shown once.
    pub(super) once: String,
    /// Whether the second factor is fresh, so that forms need not ask for it.
    pub(super) fresh: bool,
    /// Whether a passkey can be asked for.
    pub(super) has_passkeys: bool,
}

impl Shell {
    pub(super) fn style(&self) -> &'static str {
        assets::STYLE.path()
    }

    pub(super) fn script(&self) -> &'static str {
        assets::SCRIPT.path()
    }

    pub(super) fn icon(&self) -> &'static str {
        assets::ICON.path()
    }
}

/// A way to another part of the console.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) href: &'static str,
    pub(super) text: &'static str,
    pub(super) is_current: bool,
}

/// The parts of the console that this operator may see.
pub(super) fn links(may: impl Fn(Act) -> bool, path: &str) -> Vec<Link> {
    let parts = [
        ("/console/fleet", "Fleet", Act::ReadManagedDevices),
        ("/console/policies", "Policies", Act::ReadConfiguration),
        ("/console/bulk", "Bulk rotation", Act::BulkRotate),
        ("/console/audit", "Audit", Act::ReadAudit),
        ("/console/enrolment", "Enrolment", Act::Administer),
        ("/console/clients", "Clients", Act::Administer),
        ("/console/operators", "Operators", Act::Administer),
    ];
    let seen = parts.into_iter().filter(|(.., act)| may(*act));
    let is_current = |href: &str| {
        path.starts_with(href)
            || href == "/console/fleet"
                && (path.starts_with("/console/devices") || path.starts_with("/console/rotations"))
            || href == "/console/policies" && path.starts_with("/console/groups")
    };
    seen.map(|(href, text, _)| Link { href, text, is_current: is_current(href) }).collect()
}

/// A time for people and, in its attribute, for programs; how far away it is beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: FileTime,
    pub(super) now: FileTime,
}

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.at.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let (minute, second) = (time.get(..5).unwrap_or(time), time.get(..8).unwrap_or(time));
        let away = away(self.at, self.now);
        write!(
            f,
            "<time datetime=\"{date}T{second}Z\">{date} {minute}<span class=\"away\">{away}</span></time>"
        )
    }
}

/// Digits and our own words.
impl HtmlSafe for Moment {}

fn away(at: FileTime, now: FileTime) -> String {
    let (past, future) = (now.saturating_since(at).as_secs(), at.saturating_since(now).as_secs());
    let seconds = past.max(future);
    let (count, unit) = match seconds {
        0..60 => return "now".to_owned(),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    if past > 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

/// A device's state: its shape and its word say it, the colour only repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) FleetState);

impl Mark {
    pub(super) const fn class(self) -> &'static str {
        match self.0 {
            FleetState::Current => "current",
            FleetState::Expiring => "expiring",
            FleetState::Overdue => "overdue",
            FleetState::Missing => "missing",
            FleetState::Disabled => "disabled",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self.0 {
            FleetState::Current => "Current",
            FleetState::Expiring => "Expires soon",
            FleetState::Overdue => "Overdue",
            FleetState::Missing => "No password",
            FleetState::Disabled => "Disabled",
        }
    }

    const fn shape(self) -> &'static str {
        match self.0 {
            FleetState::Current => "✓",
            FleetState::Expiring => "◔",
            FleetState::Overdue => "▲",
            FleetState::Missing => "○",
            FleetState::Disabled => "–",
        }
    }
}

impl Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Badge::new(self.class(), self.shape(), self.word()).fmt(f)
    }
}

/// Our own words alone.
impl HtmlSafe for Mark {}

/// A state of anything else, in the same three ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Badge {
    /// One of the colours of [`Mark`].
    pub(super) class: &'static str,
    pub(super) shape: &'static str,
    pub(super) word: &'static str,
}

impl Badge {
    pub(super) const fn new(class: &'static str, shape: &'static str, word: &'static str) -> Self {
        Self { class, shape, word }
    }
}

impl Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, shape, word } = self;
        write!(f, "<span class=\"mark {class}\"><span aria-hidden=\"true\">{shape}</span> {word}</span>")
    }
}

/// Our own words alone.
impl HtmlSafe for Badge {}

/// A number with its thousands apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grouped<'a>(pub(super) &'a u64);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Roles in a list; their long names may break at the full stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roles(pub(super) Vec<Role>);

impl Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("<span class=\"hint\">none</span>");
        }
        if Role::ALL.iter().all(|role| self.0.contains(role)) {
            return f.write_str("All roles");
        }
        f.write_str("<ul class=\"held\">")?;
        self.0.iter().try_for_each(|role| write!(f, "<li>{}</li>", RoleName(*role)))?;
        f.write_str("</ul>")
    }
}

/// Our own words alone.
impl HtmlSafe for Roles {}

/// A role's name that may break at its full stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoleName(pub(super) Role);

impl Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.as_str().replace('.', "<wbr>."))
    }
}

/// Our own words alone.
impl HtmlSafe for RoleName {}

/// A setting's name that may break between its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SettingName(pub(super) Setting);

impl Display for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut after_small = false;
        for letter in self.0.name().chars() {
            if after_small && letter.is_uppercase() {
                f.write_str("<wbr>")?;
            }
            after_small = letter.is_lowercase();
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

/// Our own words alone.
impl HtmlSafe for SettingName {}

/// A page as an answer.
pub(super) fn render(status: StatusCode, template: &impl Template) -> Result<Response, Fault> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "Could not write a page");
        Fault::unavailable()
    })?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    shell: Shell,
    status: StatusCode,
    message: &'a str,
}

/// What went wrong, within the frame of whoever asked.
pub(super) fn fault(shell: Shell, fault: &Fault) -> Response {
    let page = FaultPage { shell, status: fault.status(), message: fault.message() };
    let response = render(fault.status(), &page).unwrap_or_else(|_| fault.status().into_response());
    fault.with_headers(response)
}

/// What went wrong before it was known who asked.
pub(crate) fn fault_page(found: &Fault) -> Response {
    fault(Shell { title: "Error", ..Shell::default() }, found)
}

pub(super) fn incomplete() -> Fault {
    Fault::bad_request("The form is incomplete. Nothing was done. Open the page again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Grouped(&number).to_string(), text);
        }
    }

    #[test]
    fn a_time_says_how_far_away_it_is() {
        let now: FileTime = "2026-05-06T07:08:09Z".parse().unwrap();
        for (at, away) in [
            ("2026-05-06T07:08:30Z", "now"),
            ("2026-05-06T07:07:00Z", "1 min ago"),
            ("2026-05-06T09:08:09Z", "in 2 h"),
            ("2026-05-03T07:08:09Z", "3 d ago"),
        ] {
            let moment = Moment { at: at.parse().unwrap(), now }.to_string();
            assert!(moment.contains(&format!(">{away}<")), "{moment}");
        }
    }
}
