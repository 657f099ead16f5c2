//! Many measurements, one number.

use anyhow::{Result, ensure};

/// The middle one of several measurements.
///
/// # Errors
/// Those of the first measurement that fails.
pub(crate) fn median(count: usize, mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = (0..count).map(|_| measure()).collect::<Result<Vec<f64>>>()?;
    ensure!(!all.is_empty(), "nothing was measured");
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}
