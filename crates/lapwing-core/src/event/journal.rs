//! `dist/lapwing.catalog`, printed from the catalogue: what `journalctl --catalog` explains of each event.

use super::{EventId, OWN_CODE_MIN};

/// What the identifier of every event begins with; drawn once, and never changed. systemd.io, "Journal Message Catalogs".
const MESSAGE_ID_BEGINNING: &str = "5b1f0c7e93a24d868e4c7a1d09f3";

impl EventId {
    /// The journal's `MESSAGE_ID`: 32 hexadecimal digits, which end with the event's number.
    #[must_use]
    pub fn message_id(self) -> String {
        format!("{MESSAGE_ID_BEGINNING}{:04x}", self.code())
    }
}

/// The whole of `dist/lapwing.catalog`, in the form of systemd.
#[must_use]
pub fn render_journal_catalogue() -> String {
    let mut text = "# Printed from the table in lapwing-core (event/catalogue.rs): do not edit.\n".to_owned();
    for id in EventId::ALL {
        let whose = if id.code() < OWN_CODE_MIN {
            format!("{id} of Windows LAPS, {}", id.level())
        } else {
            format!("{id} of Lapwing, {}", id.level())
        };
        text += &format!(
            "\n-- {}\nSubject: {}\nDefined-By: Lapwing\nDocumentation: man:lapwingd(8)\n\n{}.\n\nEvent {whose}.\n",
            id.message_id(),
            id.meaning(),
            id.meaning(),
        );
        for field in id.fields() {
            text += &format!("- {}: {}\n", field.name, field.kind);
        }
        text += "\nWhat this host is at, and what to do about a failure: lapwing status, lapwing doctor.\n";
    }
    text
}
