//! The table that is printed in the end.

use std::fmt;

/// Rows in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 5]>);

impl Table {
    /// A value of gp-agent beside that of another program.
    pub(crate) fn compare(&mut self, what: &str, ours: f64, other: &str, theirs: f64, unit: &str, aim: &str) {
        self.0.push([
            what.into(),
            show(ours, unit),
            format!("{other} {}", show(theirs, unit)),
            format!("{:.2}", ours / theirs),
            aim.into(),
        ]);
    }

    /// A value that has only an aim beside it, in the same unit.
    pub(crate) fn judge(&mut self, what: &str, ours: f64, unit: &str, aim: f64) {
        self.0.push([
            what.into(),
            show(ours, unit),
            "aim".into(),
            format!("{:.2}", ours / aim),
            format!("at most {aim} {unit}"),
        ]);
    }

    /// Smallest, middle and largest of several values that have only an aim beside them; the ratio is that of the middle.
    pub(crate) fn spread(&mut self, what: &str, ours: &[f64], unit: &str, aim: f64) {
        let mut ours = ours.to_vec();
        ours.sort_by(f64::total_cmp);
        let at = |index: usize| ours.get(index).copied().unwrap_or(f64::NAN);
        let (least, middle, most) = (at(0), at(ours.len() / 2), at(ours.len().saturating_sub(1)));
        self.0.push([
            what.into(),
            format!("{least:.2} / {middle:.2} / {}", show(most, unit)),
            "aim".into(),
            format!("{:.2}", middle / aim),
            format!("at most {aim} {unit}"),
        ]);
    }
}

fn show(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$} {unit}")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["measured", "gp-agent", "beside", "ratio", "aim"].map(String::from);
        let widths: Vec<usize> = (0..5)
            .map(|i| self.0.iter().chain([&head]).map(|row| row[i].chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        for row in [&head].into_iter().chain(&self.0) {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "{cell:<width$}  ")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
