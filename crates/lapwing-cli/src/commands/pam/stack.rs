//! Whether a service's stack reaches a module. pam.conf(5).

use std::collections::BTreeSet;

/// The module of ours.
pub(super) const MODULE: &str = "pam_lapwing.so";

/// How deep files may include others: Linux-PAM's `PAM_SUBSTACK_MAX_LEVEL`.
const DEPTH_MAX: usize = 16;

/// A module that lets root go on without being asked, as it should: nobody proves anything there.
const ROOT_ALONE: &str = "pam_rootok.so";

/// What a program asks PAM, as far as the module is needed for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Facility {
    Auth,
    Account,
    Password,
}

impl Facility {
    const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Password => "password",
        }
    }
}

/// How a stack stands to our module.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase", tag = "reach", content = "module")]
pub(super) enum Reach {
    /// Every user whom the stack admits comes by it.
    Reached,
    /// It stands there, and this module before it can end the stack or jump over it.
    Cut(String),
    /// It does not stand there.
    Absent,
}

/// Reads a service's file by its name: the first that there is of the folders for them.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How `service` stands to our module; none if the host has no such service.
pub(super) fn reach(read: Read<'_>, service: &str, facility: Facility) -> Option<Reach> {
    read(service)?;
    let mut open = BTreeSet::new();
    Some(judge(&lines(read, service, facility, &mut open)))
}

/// A line of one facility, with what it includes in its place.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Module {
        module: String,
        on_success: OnSuccess,
    },
    /// What ends it ends only itself.
    Substack(Vec<Self>),
}

/// What follows the success of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnSuccess {
    GoOn,
    End,
    Jump(usize),
}

fn lines(read: Read<'_>, file: &str, facility: Facility, open: &mut BTreeSet<String>) -> Vec<Line> {
    if open.len() >= DEPTH_MAX || !open.insert(file.to_owned()) {
        return Vec::new();
    }
    let text = read(file).unwrap_or_default().replace("\\\n", " ");
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (first, rest) = word(line);
        if first == "@include" {
            found.extend(lines(read, word(rest).0, facility, open));
            continue;
        }
        if !first.trim_start_matches('-').eq_ignore_ascii_case(facility.name()) {
            continue;
        }
        let (control, rest) = word(rest);
        let module = word(rest).0;
        match control.to_ascii_lowercase().as_str() {
            "include" => found.extend(lines(read, module, facility, open)),
            "substack" => found.push(Line::Substack(lines(read, module, facility, open))),
            control => found.push(Line::Module {
                module: module.rsplit('/').next().unwrap_or(module).to_owned(),
                on_success: on_success(control),
            }),
        }
    }
    open.remove(file);
    found
}

/// The first word, a control in brackets being one, and what follows.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end =
        if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(char::is_whitespace) };
    text.split_at(end.unwrap_or(text.len()))
}

fn on_success(control: &str) -> OnSuccess {
    let Some(pairs) = control.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return if control == "sufficient" { OnSuccess::End } else { OnSuccess::GoOn };
    };
    let value = |wanted| {
        let mut pairs = pairs.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    match value("success").or_else(|| value("default")) {
        Some("done") => OnSuccess::End,
        Some(jump) => jump.parse().map_or(OnSuccess::GoOn, OnSuccess::Jump),
        None => OnSuccess::GoOn,
    }
}

fn holds(lines: &[Line]) -> bool {
    lines.iter().any(|line| match line {
        Line::Module { module, .. } => module == MODULE,
        Line::Substack(inner) => holds(inner),
    })
}

fn judge(lines: &[Line]) -> Reach {
    for (at, line) in lines.iter().enumerate() {
        match line {
            Line::Module { module, .. } if module == MODULE => return Reach::Reached,
            Line::Substack(inner) if holds(inner) => return judge(inner),
            Line::Substack(_) => {}
            Line::Module { module, .. } if module == ROOT_ALONE => {}
            Line::Module { module, on_success } => {
                let after = lines.get(at + 1..).unwrap_or_default();
                let leaves_out = match on_success {
                    OnSuccess::GoOn => false,
                    OnSuccess::End => holds(after),
                    OnSuccess::Jump(over) => holds(after.get(..*over).unwrap_or(after)),
                };
                if leaves_out {
                    return Reach::Cut(module.clone());
                }
            }
        }
    }
    Reach::Absent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reach of `service` where these files, each of a name and a text, are all there is.
    fn of(files: &[(&str, &str)], facility: Facility) -> Option<Reach> {
        let read =
            |name: &str| files.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        reach(&read, "service", facility)
    }

    #[test]
    fn a_module_is_found_through_every_kind_of_include() {
        let common =
            ("common", "Auth [default=ignore] /lib/security/pam_lapwing.so\nauth required pam_unix.so");
        for file in [
            "@include common",
            "# auth\nauth include common # why",
            "auth required pam_env.so\n-auth \\\n substack common",
            "auth sufficient pam_rootok.so\n@include common",
            "auth [success=1 default=ignore] pam_a.so\nauth required pam_b.so\n@include common",
            "account sufficient pam_permit.so\n@include common",
        ] {
            assert_eq!(of(&[("service", file), common], Facility::Auth), Some(Reach::Reached), "{file}");
            assert_eq!(of(&[("service", file), common], Facility::Password), Some(Reach::Absent), "{file}");
        }
    }

    #[test]
    fn what_ends_a_stack_before_the_module_or_jumps_over_it_is_named() {
        let ours = "account optional pam_lapwing.so";
        for (before, by) in [
            ("account sufficient pam_localuser.so", "pam_localuser.so"),
            ("account [success=done new_authtok_reqd=done default=ignore] pam_a.so", "pam_a.so"),
            ("account [default=done] pam_a.so", "pam_a.so"),
            ("account [success=1 default=ignore] pam_unix.so", "pam_unix.so"),
        ] {
            let file = format!("{before}\n{ours}");
            assert_eq!(of(&[("service", &file)], Facility::Account), Some(Reach::Cut(by.to_owned())));
            // Within a substack it ends that one alone, and with it the module only where that stands in there too.
            let outside = format!("account substack inner\n{ours}");
            let files = [("service", outside.as_str()), ("inner", before)];
            let ends_nothing = of(&files, Facility::Account);
            assert_eq!(ends_nothing, Some(Reach::Reached), "{before}");
            let files = [("service", "account substack inner"), ("inner", file.as_str())];
            assert_eq!(of(&files, Facility::Account), Some(Reach::Cut(by.to_owned())));
        }
    }

    #[test]
    fn files_that_include_each_other_or_are_not_there_end() {
        let files = [("service", "auth include other"), ("other", "auth include service\n@include none")];
        assert_eq!(of(&files, Facility::Auth), Some(Reach::Absent));
        assert_eq!(of(&[], Facility::Auth), None);
        assert_eq!(
            of(&[("service", "auth\n[\nauth [x pam_lapwing.so")], Facility::Auth),
            Some(Reach::Absent)
        );
    }
}
