//! Where the devices of a bulk rotation stand, and how many of them.

/// How many of its devices stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Not asked yet.
    pub(crate) waiting: u64,
    /// Asked; no answer yet.
    pub(crate) pending: u64,
    /// Accepted by the device.
    pub(crate) accepted: u64,
    /// Failed so far; the device goes on trying.
    pub(crate) failing: u64,
    pub(crate) done: u64,
    /// Refused by the device, or not accepted in time.
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// Never asked: it was disabled or deleted meanwhile, or has too much to do already.
    pub(crate) skipped: u64,
}

/// Where a device of a bulk rotation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BulkStanding {
    Waiting,
    Pending,
    Accepted,
    Failing,
    Done,
    Failed,
    Cancelled,
    Skipped,
}

impl BulkStanding {
    pub(crate) const ALL: [Self; 8] = [
        Self::Done,
        Self::Failing,
        Self::Failed,
        Self::Accepted,
        Self::Pending,
        Self::Waiting,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// The words that say so: its own, or the states of its action.
    pub(crate) const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Waiting => &["waiting"],
            Self::Pending => &["pending"],
            Self::Accepted => &["accepted"],
            Self::Failing => &["failing"],
            Self::Done => &["done"],
            Self::Failed => &["refused", "expired"],
            Self::Cancelled => &["cancelled"],
            Self::Skipped => &["skipped"],
        }
    }
}

impl Counts {
    /// The number of those that stand so.
    pub(crate) const fn of(&self, standing: BulkStanding) -> u64 {
        match standing {
            BulkStanding::Waiting => self.waiting,
            BulkStanding::Pending => self.pending,
            BulkStanding::Accepted => self.accepted,
            BulkStanding::Failing => self.failing,
            BulkStanding::Done => self.done,
            BulkStanding::Failed => self.failed,
            BulkStanding::Cancelled => self.cancelled,
            BulkStanding::Skipped => self.skipped,
        }
    }

    pub(crate) const fn of_mut(&mut self, standing: BulkStanding) -> &mut u64 {
        match standing {
            BulkStanding::Waiting => &mut self.waiting,
            BulkStanding::Pending => &mut self.pending,
            BulkStanding::Accepted => &mut self.accepted,
            BulkStanding::Failing => &mut self.failing,
            BulkStanding::Done => &mut self.done,
            BulkStanding::Failed => &mut self.failed,
            BulkStanding::Cancelled => &mut self.cancelled,
            BulkStanding::Skipped => &mut self.skipped,
        }
    }

    pub(crate) const fn total(&self) -> u64 {
        self.waiting + self.ended() + self.pending + self.accepted + self.cancelled + self.skipped
    }

    /// Those that tell how well it goes.
    pub(crate) const fn ended(&self) -> u64 {
        self.done + self.failures()
    }

    pub(crate) const fn failures(&self) -> u64 {
        self.failing + self.failed
    }

    /// Whether nothing more is to come.
    pub(super) const fn is_over(&self) -> bool {
        self.waiting + self.pending + self.accepted + self.failing == 0
    }

    /// Of canaries: whether each that was asked is done, and one was.
    pub(super) const fn are_done(&self) -> bool {
        self.done > 0 && self.done + self.skipped == self.total()
    }
}
