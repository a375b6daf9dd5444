//! Calls devices when an action comes due that was put off. Nothing is kept between two looks but the hour of the last, so
//! that after a restart every device is called whose action is due and waits; and one that connects later is called then.

use core::time::Duration;

use lapwing_core::types::FileTime;

use crate::{
    app::App,
    os,
    store::{Due, StoreError},
};

/// The longest time between two looks: what is put off is put off by an hour at least, and a clock may be set.
const LOOK: Duration = Duration::from_secs(30);

/// Does so for ever.
pub(crate) async fn keep(app: &App) {
    let mut called: Option<FileTime> = None;
    loop {
        let now = os::now();
        // A clock that was ahead and was set back: what is due between is not due yet.
        called = called.map(|called| called.min(now));
        let pause = match look(app, called, now).await {
            Ok(pause) => {
                called = Some(now);
                pause
            }
            Err(error) => {
                tracing::error!(%error, next_step = error.next_step(), "Could not look for actions that are due");
                LOOK
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Calls those that are due since `called`; how long until the next look.
async fn look(app: &App, called: Option<FileTime>, now: FileTime) -> Result<Duration, StoreError> {
    let Due { devices, next } = app.store.due(called, now).await?;
    app.wake.wake_many(devices);
    Ok(next.map_or(LOOK, |next| next.saturating_since(now).min(LOOK)))
}
