//! Where the log goes.

use std::{io, path::Path};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Logs to the journal with real fields, or to standard error where there is none.
///
/// # Errors
/// If the journal is there and does not take messages.
pub(crate) fn start(to_stderr: bool) -> io::Result<()> {
    // Message bodies of libraries are logged at levels below this one; no key may reach them.
    let limit = LevelFilter::INFO;
    if to_stderr || !Path::new("/run/systemd/journal/socket").exists() {
        let stderr =
            tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false).with_target(false);
        tracing_subscriber::registry().with(stderr.with_filter(limit)).init();
        return Ok(());
    }
    let journal =
        tracing_journald::layer()?.with_field_prefix(None).with_syslog_identifier("lapwing-kds".to_owned());
    tracing_subscriber::registry().with(journal.with_filter(limit)).init();
    Ok(())
}
