//! Where the log goes, and how an event looks there.

use std::path::Path;

use anyhow::Context as _;
use lapwing_core::event::{Event, Level};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Logs to the journal with real fields, or to standard error where there is none.
///
/// # Errors
/// If the journal is there and does not take messages.
pub(crate) fn start(to_stderr: bool) -> anyhow::Result<()> {
    // Message bodies of libraries are logged at levels below this one; no secret may reach them.
    let limit = LevelFilter::INFO;
    if to_stderr || !Path::new("/run/systemd/journal/socket").exists() {
        let stderr =
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
        tracing_subscriber::registry().with(stderr.with_filter(limit)).init();
        return Ok(());
    }
    let journal = tracing_journald::layer()
        .context("the journal does not answer; start with --log-to-stderr to log without it")?
        .with_field_prefix(None)
        .with_syslog_identifier("lapwingd".to_owned());
    tracing_subscriber::registry().with(journal.with_filter(limit)).init();
    Ok(())
}

/// Writes an event: the number in a field of its own and as the key of the journal's catalogue, the fields in the message and once
/// more as JSON.
pub(crate) fn raise(event: &Event) {
    let id = event.id();
    let (code, message_id) = (id.code(), id.message_id());
    let fields = serde_json::Value::Object(
        event.fields().into_iter().map(|(name, value)| (name.to_owned(), value.to_string().into())).collect(),
    );
    match id.level() {
        Level::Error => tracing::error!(event_id = code, %message_id, event_fields = %fields, "{event}"),
        Level::Warning => tracing::warn!(event_id = code, %message_id, event_fields = %fields, "{event}"),
        Level::Information => tracing::info!(event_id = code, %message_id, event_fields = %fields, "{event}"),
    }
}
