//! The policy in effect on a device and where each value comes from, as the device tells its server. docs/protocol.md,
//! "Policies in effect".
//!
//! What is read is bounded: the texts are for people, and the server shows them as they are.

/// `POST policy`: what `lapwing get-policy` shows on the host.
pub use lapwing_core::local::agent::{PolicyReport, PolicySetting};

/// The longest text, in bytes.
pub const TEXT_LEN_MAX: usize = 2048;
/// The most settings, the most remarks of one, and the most remarks beside.
pub const ENTRIES_MAX: usize = 64;

/// What was found is no policy in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of a policy in effect are too many or too long")]
pub struct ReportError(&'static str);

/// Whether a report keeps to the bounds.
///
/// # Errors
/// [`ReportError`] with what does not.
pub fn check(report: &PolicyReport) -> Result<(), ReportError> {
    let is_text = |text: &str| text.len() <= TEXT_LEN_MAX;
    let are_texts = |texts: &[String]| texts.len() <= ENTRIES_MAX && texts.iter().all(|text| is_text(text));
    if report.settings.len() > ENTRIES_MAX || !report.source.as_deref().is_none_or(is_text) {
        return Err(ReportError("settings"));
    }
    let are_good = report.settings.iter().all(|setting| {
        [&setting.name, &setting.value, &setting.origin].into_iter().all(|text| is_text(text))
            && are_texts(&setting.remarks)
    });
    if !are_good {
        return Err(ReportError("settings"));
    }
    if are_texts(&report.remarks) { Ok(()) } else { Err(ReportError("remarks")) }
}

/// Cuts what is longer than the bounds, so that one long remark does not keep the rest from being told.
pub fn shorten(report: &mut PolicyReport) {
    report.settings.truncate(ENTRIES_MAX);
    for setting in &mut report.settings {
        for text in [&mut setting.name, &mut setting.value, &mut setting.origin] {
            cut(text);
        }
        shorten_all(&mut setting.remarks);
    }
    shorten_all(&mut report.remarks);
}

fn shorten_all(texts: &mut Vec<String>) {
    texts.truncate(ENTRIES_MAX);
    texts.iter_mut().for_each(cut);
}

fn cut(text: &mut String) {
    let mut end = TEXT_LEN_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(settings: usize, remark: &str) -> PolicyReport {
        let setting = PolicySetting {
            name: "PasswordLength".to_owned(),
            value: "14".to_owned(),
            origin: "default".to_owned(),
            remarks: vec![remark.to_owned()],
        };
        PolicyReport { source: None, settings: vec![setting; settings], remarks: vec![remark.to_owned()] }
    }

    #[test]
    fn what_is_at_the_limit_is_taken_and_what_is_beyond_is_cut_or_refused() {
        let longest = "a".repeat(TEXT_LEN_MAX);
        assert_eq!(check(&report(ENTRIES_MAX, &longest)), Ok(()));
        for (settings, remark) in [(ENTRIES_MAX + 1, "a"), (1, &*format!("{longest}a"))] {
            let mut beyond = report(settings, remark);
            assert_eq!(check(&beyond), Err(ReportError("settings")));
            shorten(&mut beyond);
            assert_eq!(check(&beyond), Ok(()));
        }
        let mut wide = report(1, &format!("{}ä", "a".repeat(TEXT_LEN_MAX - 1)));
        shorten(&mut wide);
        assert_eq!(wide.remarks[0].len(), TEXT_LEN_MAX - 1, "no character is cut in two");
    }
}
