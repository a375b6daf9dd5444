//! Two charts as SVG of our own, drawn for the style sheet to colour; their numbers stand beside them in words.

use super::page::Mark;
use crate::{
    rules::fleet::{AGE_BOUNDS, FleetState},
    store::{Ages, Coverage},
};

/// The width of both, in units of the drawing.
const WIDTH: u64 = 700;
const BAR_HEIGHT_MAX: u64 = 80;
/// Above the highest bar, for its number.
const HEAD: u64 = 28;

/// One bar, cut into the shares of the states.
pub(super) struct CoverageBar {
    pub(super) parts: Vec<Part>,
}

pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) x: u64,
    pub(super) width: u64,
}

impl CoverageBar {
    pub(super) fn new(counts: Coverage) -> Self {
        let total: u64 = counts.iter().sum();
        let mut parts = Vec::new();
        let mut before = 0;
        for (state, count) in FleetState::ALL.into_iter().zip(counts) {
            let start = scale(before, total, WIDTH);
            before += count;
            let end = scale(before, total, WIDTH);
            if count > 0 {
                // One in a hundred thousand is still to be seen.
                let width = end.saturating_sub(start).max(2);
                parts.push(Part { class: Mark(state).class(), x: start.min(WIDTH - width), width });
            }
        }
        Self { parts }
    }
}

/// A bar for each span of ages.
pub(super) struct AgeChart {
    pub(super) bars: Vec<Bar>,
}

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) count: u64,
    pub(super) x: u64,
    pub(super) middle: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

impl AgeChart {
    pub(super) const AXIS: u64 = HEAD + BAR_HEIGHT_MAX;
    pub(super) const LABELS: u64 = Self::AXIS + 20;
    pub(super) const HEIGHT: u64 = Self::LABELS + 6;

    pub(super) fn new(counts: Ages) -> Self {
        let most = counts.iter().copied().max().unwrap_or(0);
        let step = WIDTH / u64::try_from(counts.len()).unwrap_or(1);
        let bars = (0_u64..).zip(labels()).zip(counts).map(|((at, label), count)| {
            let height = scale(count, most, BAR_HEIGHT_MAX).max(u64::from(count > 0) * 2);
            Bar {
                label,
                count,
                x: at * step + 8,
                middle: at * step + step / 2,
                y: Self::AXIS - height,
                width: step - 16,
                height,
            }
        });
        Self { bars: bars.collect() }
    }

    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.bars.iter().all(|bar| bar.count == 0)
    }
}

fn labels() -> Vec<String> {
    let mut from = 0;
    let mut labels: Vec<String> = AGE_BOUNDS
        .into_iter()
        .map(|to| {
            let label = if from == 0 { format!("< {to} d") } else { format!("{from}–{to} d") };
            from = to;
            label
        })
        .collect();
    labels.push(format!("> {from} d"));
    labels
}

/// A part of `whole` as a length, without a share of nothing.
fn scale(part: u64, whole: u64, length: u64) -> u64 {
    part.saturating_mul(length).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fill_the_bar_and_the_smallest_is_seen() {
        let bar = CoverageBar::new([1, 0, 0, 99_999, 0]);
        assert_eq!(bar.parts.len(), 2);
        assert_eq!((bar.parts[0].x, bar.parts[0].width), (0, 2));
        assert_eq!(bar.parts[1].x + bar.parts[1].width, WIDTH);
        let last = CoverageBar::new([0, 0, 0, 99_999, 1]);
        assert_eq!(last.parts[1].x + last.parts[1].width, WIDTH);
        assert!(CoverageBar::new([0; 5]).parts.is_empty());
    }

    #[test]
    fn the_highest_bar_is_as_high_as_there_is_room() {
        let chart = AgeChart::new([10, 5, 0, 0, 0, 0, 1]);
        let heights: Vec<u64> = chart.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [80, 40, 0, 0, 0, 0, 8]);
        assert_eq!(chart.bars[0].label, "< 1 d");
        assert_eq!(chart.bars[3].label, "14–30 d");
        assert_eq!(chart.bars[6].label, "> 90 d");
        assert!(AgeChart::new([0; 7]).is_empty());
    }
}
