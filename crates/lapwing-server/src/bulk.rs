//! Bulk rotations at work: asks devices at the pace of each. What is done, and when, `rules::bulk` decides.
//!
//! Nothing is kept between two turns: each looks at the database anew, so that a restart or another server changes nothing.

pub(crate) mod order;
pub(crate) mod report;

use core::time::Duration;

use lapwing_core::{
    management::ACTION_LIFE,
    types::{ActionId, FileTime},
};

use crate::{
    app::App,
    os,
    rules::bulk::{BATCH_MAX, BulkState, Step},
    store::{AskDevices, BulkRow, EndBulk, StoreError},
};

/// The longest time between two turns.
const TURN: Duration = Duration::from_secs(1);

/// Does for ever what bulk rotations ask for.
pub(crate) async fn keep(app: &App) {
    loop {
        let pause = turn(app).await.unwrap_or_else(|error| {
            tracing::error!(%error, next_step = error.next_step(), "Could not go on with bulk rotations");
            TURN
        });
        tokio::time::sleep(pause).await;
    }
}

/// One look at all of them; how long until the next.
async fn turn(app: &App) -> Result<Duration, StoreError> {
    let now = os::now();
    let mut pause = TURN;
    for rotation in app.store.open_bulk_rotations(now).await? {
        match rotation.progress.step(rotation.pace.stop_at) {
            Step::Wait => {}
            Step::AskCanaries => pause = pause.min(ask(app, &rotation, true, now).await?),
            Step::Ask => pause = pause.min(ask(app, &rotation, false, now).await?),
            Step::Stop => end(app, &rotation, BulkState::Stopped, now).await?,
            Step::Finish => end(app, &rotation, BulkState::Finished, now).await?,
        }
    }
    Ok(pause)
}

/// Asks those that are due; how long until the next are.
async fn ask(
    app: &App,
    rotation: &BulkRow,
    canaries_only: bool,
    at: FileTime,
) -> Result<Duration, StoreError> {
    let ids = (0..BATCH_MAX).map(|_| ActionId::random(&mut os::rng())).collect();
    let change = AskDevices { rotation: rotation.id, canaries_only, at, ids, life: ACTION_LIFE };
    let asked = app.store.change(change).await?;
    app.wake.wake_many(asked.devices);
    Ok(asked.wait.unwrap_or_default())
}

async fn end(app: &App, rotation: &BulkRow, to: BulkState, at: FileTime) -> Result<(), StoreError> {
    let counts = rotation.progress.all;
    let detail = format!("{} done, {} failed of {}", counts.done, counts.failures(), counts.total());
    tracing::info!(rotation = %rotation.id, state = to.as_str(), detail, "A bulk rotation has come to an end");
    let from = rotation.progress.state;
    app.store.change(EndBulk { rotation: rotation.id, from, to, at, detail }).await
}
