//! What is ordered of bulk rotations, by whichever way: administration, console.

use lapwing_core::types::{BulkRotationId, DeviceId};

use crate::{
    app::App,
    http::{
        fault::{Fault, Kind},
        request::Context,
    },
    os,
    rules::{
        audit::Record,
        bulk::{Canaries, Pace, Reason, Selection, Word},
    },
    store::{BulkRow, CreateBulk, DeviceRow, SayToBulk},
};

/// A bulk rotation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) selection: Selection,
    pub(crate) canaries: Canaries,
    pub(crate) pace: Pace,
    pub(crate) reason: Reason,
}

/// Whom an order is for now.
#[derive(Debug)]
pub(crate) struct Plan {
    order: Order,
    /// In the order in which they are asked.
    pub(crate) devices: Vec<DeviceRow>,
    pub(crate) count: u32,
    /// How many of them are asked first.
    pub(crate) canaries: u32,
    /// How long it takes to ask all, rounded up.
    pub(crate) minutes: u32,
}

impl Order {
    /// Finds out whom it is for. Changes nothing.
    pub(crate) async fn plan(self, app: &App) -> Result<Plan, Fault> {
        let devices = app.store.selected(&self.selection).await?;
        let count = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        let (canaries, minutes) = (self.canaries.among(count), count.div_ceil(self.pace.per_minute));
        Ok(Plan { order: self, devices, count, canaries, minutes })
    }
}

impl Plan {
    /// What the audit log keeps of it.
    pub(crate) fn detail(&self) -> String {
        let Order { selection, pace, reason, .. } = &self.order;
        let (count, canaries) = (self.count, self.canaries);
        let detail =
            format!("{selection}: {count} devices, {canaries} canaries, {} a minute", pace.per_minute);
        if reason.as_str().is_empty() { detail } else { format!("{detail}; reason: {reason}") }
    }

    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    /// Why it cannot be begun, if so.
    pub(crate) fn refusal(&self) -> Option<Fault> {
        self.devices.is_empty().then(|| Fault::new(Kind::Conflict, "No device is selected."))
    }

    /// Begins it.
    pub(crate) async fn begin(
        self,
        app: &App,
        record: impl FnOnce(&str) -> Record,
    ) -> Result<BulkRotationId, Fault> {
        let id = BulkRotationId::random(&mut os::rng());
        let mut record = record(&id.to_string());
        record.detail = self.detail();
        let Self { order: Order { selection, pace, reason, .. }, devices, canaries, .. } = self;
        let devices: Vec<DeviceId> = devices.into_iter().map(|row| row.id).collect();
        let change = CreateBulk { id, selection, pace, reason, devices, canaries, record };
        if app.store.change(change).await? {
            Ok(id)
        } else {
            Err(Fault::new(Kind::Conflict, "Too many bulk rotations are open already."))
        }
    }
}

fn unknown() -> Fault {
    Fault::not_found("The bulk rotation does not exist.")
}

/// How a bulk rotation stands.
pub(crate) async fn find(app: &App, context: &Context, id: BulkRotationId) -> Result<BulkRow, Fault> {
    app.store.bulk_rotation(id, context.at).await?.ok_or_else(unknown)
}

/// Pauses, resumes or cancels what was read as `row`.
pub(crate) async fn say(
    app: &App,
    row: &BulkRow,
    word: Word,
    past_canaries: bool,
    record: Record,
) -> Result<(), Fault> {
    let change = SayToBulk { rotation: row.id, word, past_canaries, counts: row.progress.all, record };
    match app.store.change(change).await? {
        None => Err(unknown()),
        Some(Err(refused)) => Err(Fault::new(Kind::Conflict, format!("{refused}."))),
        Some(Ok(())) => Ok(()),
    }
}
