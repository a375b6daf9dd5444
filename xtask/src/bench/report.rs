//! What was measured, what it is compared with, and whether the bound held.

use anyhow::Result;
use serde::Serialize;

/// Measured in several runs, in turn with what it is compared with.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    pub(super) what: String,
    pub(super) unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    runs: usize,
}

impl Measured {
    /// Of one number a run; there is at least one.
    pub(super) fn of(what: impl Into<String>, unit: &'static str, mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        Self::of_sorted(what.into(), unit, &runs)
    }

    /// Of the slowest of many: what a hundredth of all is slower than, by nearest rank, stands for the median.
    pub(super) fn percentile_99(what: impl Into<String>, unit: &'static str, mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        let rank = (runs.len() * 99).div_ceil(100).saturating_sub(1);
        let median = runs.get(rank).copied().unwrap_or(f64::NAN);
        Self { median, ..Self::of_sorted(what.into(), unit, &runs) }
    }

    fn of_sorted(what: String, unit: &'static str, runs: &[f64]) -> Self {
        let at = |index: usize| runs.get(index).copied().unwrap_or(f64::NAN);
        let (last, half) = (runs.len().saturating_sub(1), runs.len() / 2);
        let median = if runs.len().is_multiple_of(2) {
            f64::midpoint(at(half.saturating_sub(1)), at(half))
        } else {
            at(half)
        };
        Self { what, unit, median, min: at(0), max: at(last), runs: runs.len() }
    }
}

/// On which side of the ratio the good is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }
}

/// One comparison.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    benchmark: String,
    measured: Measured,
    against: Measured,
    /// Of the medians.
    ratio: f64,
    bound: Bound,
    held: bool,
    /// What explains it; judged by nobody.
    beside: Vec<Measured>,
}

impl Row {
    pub(super) fn new(measured: Measured, against: Measured, bound: Bound, beside: Vec<Measured>) -> Self {
        // Nothing where nothing was allowed is as good as can be.
        let ratio = if measured.median == 0.0 { 0.0 } else { measured.median / against.median };
        Self { benchmark: String::new(), measured, against, ratio, bound, held: bound.holds(ratio), beside }
    }
}

/// All comparisons of one call.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Of the machine that all of it was measured on.
    cores: usize,
    comparisons: Vec<Row>,
}

impl Report {
    pub(super) fn add(&mut self, benchmark: &str, rows: Vec<Row>) {
        self.cores = std::thread::available_parallelism().map_or(0, usize::from);
        self.comparisons.extend(rows.into_iter().map(|row| Row { benchmark: benchmark.to_owned(), ..row }));
    }

    pub(super) fn is_broken(&self) -> bool {
        self.comparisons.iter().any(|row| !row.held)
    }

    pub(super) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn to_table(&self) -> String {
        let mut table = format!(
            "\n{:<13} {:<46} {:>10} {:>10} {:>10}  {:<8} {:>6}  {:<8} \n",
            "benchmark", "", "median", "min", "max", "", "ratio", "bound"
        );
        for row in &self.comparisons {
            let bound = match row.bound {
                Bound::AtMost(limit) => format!("≤ {limit}"),
                Bound::AtLeast(limit) => format!("≥ {limit}"),
            };
            let judged =
                format!("{:>6.2}  {bound:<8} {}", row.ratio, if row.held { "held" } else { "BROKEN" });
            line(&mut table, &row.benchmark, &row.measured, &judged);
            line(
                &mut table,
                "",
                &Measured { what: format!("  against {}", row.against.what), ..row.against.clone() },
                "",
            );
            for beside in &row.beside {
                line(
                    &mut table,
                    "",
                    &Measured { what: format!("    {}", beside.what), ..beside.clone() },
                    "",
                );
            }
        }
        table
    }
}

fn line(table: &mut String, benchmark: &str, measured: &Measured, judged: &str) {
    let Measured { what, unit, median, min, max, .. } = measured;
    let line =
        format!("{benchmark:<13} {what:<46} {median:>10.1} {min:>10.1} {max:>10.1}  {unit:<8} {judged}");
    table.push_str(line.trim_end());
    table.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(runs: &[f64]) -> Measured {
        Measured::of("x", "ms", runs.to_vec())
    }

    #[test]
    fn the_ratio_is_of_the_medians_and_one_outlier_does_not_move_it() {
        let row = Row::new(
            measured(&[3.0, 100.0, 2.0, 3.0, 3.0]),
            measured(&[1.0, 2.0, 3.0, 2.0]),
            Bound::AtMost(1.5),
            Vec::new(),
        );
        assert_eq!((row.ratio, row.held), (1.5, true));
        assert_eq!((row.measured.min, row.measured.max), (2.0, 100.0));
    }

    #[test]
    fn a_bound_is_broken_on_its_bad_side_alone() {
        let row = |bound| Row::new(measured(&[8.0]), measured(&[10.0]), bound, Vec::new());
        for (bound, broken) in [
            (Bound::AtMost(0.9), false),
            (Bound::AtMost(0.7), true),
            (Bound::AtLeast(0.7), false),
            (Bound::AtLeast(0.9), true),
        ] {
            let mut report = Report::default();
            report.add("x", vec![row(bound)]);
            assert_eq!(report.is_broken(), broken, "{bound:?}");
            assert_eq!(report.to_table().contains("BROKEN"), broken);
        }
    }

    #[test]
    fn none_where_none_is_allowed_holds_and_one_does_not() {
        let row = |count| Row::new(measured(&[count]), measured(&[0.0]), Bound::AtMost(1.0), Vec::new());
        assert!(row(0.0).held);
        assert!(!row(1.0).held);
    }
}
