//! `docs/events.md`, printed from the catalogue.

use super::{CHANNEL, EventId, OWN_CODE_MIN, PROVIDER, PROVIDER_ID};
use crate::policy::Since;

/// The whole of `docs/events.md`.
#[must_use]
pub fn render_markdown() -> String {
    let mut page = format!(
        "# Events

Printed from the table in `lapwing-core` (`event/catalogue.rs`): do not edit. To print it anew:
`UPDATE_DOCS=1 cargo test -p lapwing-core --lib event`.

An event's number never changes its meaning. Below {OWN_CODE_MIN}, number, level, fields and meaning are those of Windows, so
that rules written for Windows hosts hold here too: channel `{CHANNEL}`, provider
`{PROVIDER}`, `{{{PROVIDER_ID}}}`. 10005, 10012 and 10086 tell of failures, and yet
have the level Information there. From {OWN_CODE_MIN} on they are ours.

- **Level**: Error is 2, Warning 3, Information 4.
- **Since**: 2023 is the first release of Windows LAPS; 24H2 is Windows 11 24H2 and Windows Server 2025, whose policies
  also gave 10021 and 10022 their `AutomaticAccountManagement…` fields.
- **Fields** stand in the order of Windows. A name that begins with a capital is Windows' own; in the events of Windows
  the other names are ours, where Windows counts `Data1`, `Data2` and so on. HRESULT, RID and hexadecimal are shown
  as Windows shows HexInt32 and HexInt64 (`0x80070005`, `0x1F4`), a switch as 1 or 0, a FILETIME in RFC 3339 and UTC,
  a version as GUID.

Not every event of Windows can happen here: the table is whole, so that no number is taken for something else.

| Number | Level | Since | Fields | Meaning |
|---|---|---|---|---|
"
    );
    for id in EventId::ALL {
        let fields: Vec<String> =
            id.fields().iter().map(|field| format!("`{}` {}", field.name, field.kind)).collect();
        let fields = if fields.is_empty() { "–".to_owned() } else { fields.join(", ") };
        let since = match id.since() {
            Since::Windows => "2023",
            Since::Windows24H2 => "24H2",
            Since::Lapwing => "Lapwing",
        };
        page += &format!("| {id} | {} | {since} | {fields} | {} |\n", id.level(), id.meaning());
    }
    page
}
