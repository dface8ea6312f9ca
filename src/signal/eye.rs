//! Eye pattern: how often the signal is at a level, by its phase to the recovered clock.

use serde::Serialize;

use super::timing::settled;
use super::{Fir, Runs};

/// Phase bins over -1T to +1T.
pub const EYE_PHASES: usize = 64;
/// Level bins.
pub const EYE_LEVELS: usize = 64;

/// Two-dimensional histogram of the signal at the slicer, two bits wide.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Eye {
    /// Lower end of the lowest level bin, counts.
    pub low: f64,
    /// Upper end of the highest level bin, counts.
    pub high: f64,
    /// Samples per bin, `counts[phase * EYE_LEVELS + level]`. Phase 0 is -1T; each sample is
    /// entered twice, one T apart, so that crossings stand at -1, 0 and +1T.
    pub counts: Vec<u32>,
}

/// Eye pattern of the first `edges` settled runs; `fir` is the filter before the slicer.
///
/// `None` when there are no such runs or the signal is flat.
#[must_use]
pub(super) fn eye(samples: &[i16], runs: &Runs, fir: &Fir, edges: usize) -> Option<Eye> {
    let chosen: Vec<usize> = settled(runs).map(|(i, ..)| i).take(edges).collect();
    let (&first, &last) = (chosen.first()?, chosen.last()?);
    let positions = runs.positions();
    let delay = fir.delay_samples();
    // Output j of the filter belongs to input time j + len - 1 - delay relative to `from`.
    let from = (positions[first.saturating_sub(1)] - fir.len() as f64).max(0.0) as usize;
    let to = (positions[last] + delay + 2.0).min(samples.len() as f64) as usize;
    let input: Vec<f32> = samples.get(from..to)?.iter().map(|&s| f32::from(s)).collect();
    let mut output = vec![0.0; (input.len() + 1).checked_sub(fir.len())?];
    fir.run(&input, &mut output);
    let origin = from as f64 + (fir.len() - 1) as f64 - delay;
    let low = output.iter().copied().fold(f32::MAX, f32::min);
    let high = output.iter().copied().fold(f32::MIN, f32::max);
    if high <= low {
        return None;
    }
    let mut counts = vec![0u32; EYE_PHASES * EYE_LEVELS];
    let level_scale = (EYE_LEVELS as f32 - 0.001) / (high - low);
    for i in chosen.into_iter().filter(|&i| i > 0) {
        let (begin, end) = (positions[i - 1], positions[i]);
        let per_sample = f64::from(runs.widths()[i]) / (end - begin);
        let first = (begin - origin).ceil().max(0.0) as usize;
        let samples = output.iter().enumerate().skip(first);
        for (j, y) in samples.take_while(|(j, _)| origin + *j as f64 <= end) {
            let before_end = (origin + j as f64 - end) * per_sample;
            let phase = before_end + f64::from(runs.errors()[i]);
            let phase = phase - phase.floor();
            let bin = ((phase * (EYE_PHASES / 2) as f64) as usize).min(EYE_PHASES / 2 - 1);
            let level = ((y - low) * level_scale) as usize;
            counts[bin * EYE_LEVELS + level] += 1;
            counts[(bin + EYE_PHASES / 2) * EYE_LEVELS + level] += 1;
        }
    }
    Some(Eye { low: low.into(), high: high.into(), counts })
}
