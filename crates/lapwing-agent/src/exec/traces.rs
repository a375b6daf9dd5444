//! What became of the last rotations, in `/var/lib/lapwing/traces.json`: for people, so that losing it costs nothing else.

use std::fs;

use lapwing_client::identity::{Root, files};
use lapwing_core::agent::Traces;
use lapwing_proto::trace::TraceInfo;
use serde::{Deserialize, Serialize};

const PATH: &str = "var/lib/lapwing/traces.json";

/// The file's form.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OnDisk {
    traces: Vec<TraceOnDisk>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TraceOnDisk {
    #[serde(flatten)]
    trace: TraceInfo,
    is_told: bool,
}

/// Reads them; what is damaged is left out.
pub(crate) fn load(root: &Root) -> Traces {
    let Ok(bytes) = fs::read(root.path(PATH)) else { return Traces::default() };
    let on_disk: OnDisk = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "The traces of the last rotations are damaged; starting without them");
        OnDisk::default()
    });
    let trace = |on_disk: TraceOnDisk| {
        let mut trace = on_disk.trace.parse().ok()?;
        trace.is_told = on_disk.is_told;
        Some(trace)
    };
    Traces { traces: on_disk.traces.into_iter().filter_map(trace).collect() }
}

/// Writes them; a failure is logged.
pub(crate) fn save(root: &Root, traces: &Traces) {
    let traces = traces.traces.iter();
    let on_disk = OnDisk {
        traces: traces.map(|trace| TraceOnDisk { trace: trace.into(), is_told: trace.is_told }).collect(),
    };
    let bytes = serde_json::to_vec(&on_disk).expect("strings and numbers are always JSON");
    if let Err(error) = files::replace_private(&root.path(PATH), &bytes) {
        tracing::warn!(error = super::chain(&error), "The traces of the last rotations cannot be written");
    }
}
