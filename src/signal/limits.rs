//! Limits of the disc standards, and verdicts on measured values.

use serde::Serialize;

use super::SignalQuality;

/// A named limit; `min` and `max` are inclusive.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Limit {
    /// Name of the measure, see [`measures`].
    pub name: &'static str,
    /// Smallest value allowed.
    pub min: Option<f64>,
    /// Largest value allowed.
    pub max: Option<f64>,
    /// Unit of both; empty for ratios.
    pub unit: &'static str,
    /// Where the limit comes from.
    pub source: &'static str,
}

impl Limit {
    /// A limit of one's own, for tests outside of the standards.
    #[must_use]
    pub const fn new(
        name: &'static str,
        min: Option<f64>,
        max: Option<f64>,
        unit: &'static str,
        source: &'static str,
    ) -> Self {
        Self { name, min, max, unit, source }
    }
}

const SL: &str = "DVD-R single layer, general knowledge; check with the standard";
const DL: &str = "DVD-R dual layer, general knowledge; check with the standard";

const EC: &str = "electrochromic media: no standard; those of DVD-R, with reflectance enough for a servo";

const fn set(source: &'static str, i3: f64, r_min: f64, r_max: f64) -> [Limit; 7] {
    [
        Limit::new("jitter", None, Some(8.0), "% of T", source),
        Limit::new("asymmetry", Some(-0.05), Some(0.15), "", source),
        Limit::new("modulation", Some(0.60), None, "", source),
        Limit::new("i3_i14", Some(i3), None, "", source),
        Limit::new("r14h", Some(r_min), Some(r_max), "", source),
        Limit::new("i14h_variation", None, Some(0.33), "", source),
        Limit::new("pi_sum_8", None, Some(280.0), "rows", source),
    ]
}

/// Limits of a recorded DVD-R DL, either layer.
pub const DVD_R_DL: [Limit; 7] = set(DL, 0.20, 0.16, 0.30);
/// Limits of a recorded DVD-R SL.
pub const DVD_R_SL: [Limit; 7] = set(SL, 0.15, 0.45, 0.85);

/// Limits of a recorded electrochromic layer while it is coloured.
pub const ELECTROCHROMIC: [Limit; 7] = set(EC, 0.20, 0.05, 1.0);

/// Outcome of one limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The limit applied.
    pub limit: Limit,
    /// Value measured.
    pub value: Option<f64>,
    /// True only for a defined value within the limit.
    pub pass: bool,
    /// Distance to the nearer limit in the unit of the limit, negative outside.
    pub margin: Option<f64>,
    /// Why there is no value.
    pub reason: Option<&'static str>,
}

/// The measures of a capture by the names that [`Limit`] uses.
#[must_use]
pub fn measures(quality: &SignalQuality) -> Vec<(&'static str, Option<f64>)> {
    let levels = &quality.levels;
    vec![
        ("jitter", quality.timing.jitter.total_percent),
        ("leading_jitter", quality.timing.jitter.leading_percent),
        ("trailing_jitter", quality.timing.jitter.trailing_percent),
        ("asymmetry", levels.asymmetry),
        ("beta", levels.beta),
        ("modulation", levels.modulation),
        ("i3_i14", levels.i3_i14),
        ("r14h", levels.r14h),
        ("i14h_variation", levels.i14h_variation),
        ("clocked", Some(quality.clocked)),
    ]
}

/// Judges named values, from [`measures`] and elsewhere (`pi_sum_8` comes from the decoder).
///
/// A value that is missing, undefined or not finite fails, with a reason.
///
/// ```
/// use disc_hal::signal::{DVD_R_DL, judge};
/// let verdicts = judge(&DVD_R_DL, &[("jitter", Some(7.2)), ("modulation", None)]);
/// assert!(verdicts[0].pass && (verdicts[0].margin.unwrap() - 0.8).abs() < 1e-9);
/// assert!(!verdicts[2].pass && verdicts[2].reason == Some("not defined by the capture"));
/// ```
#[must_use]
pub fn judge(limits: &[Limit], values: &[(&str, Option<f64>)]) -> Vec<Verdict> {
    let verdict = |limit: &Limit| {
        let found = values.iter().find(|(name, _)| *name == limit.name);
        let (value, reason) = match found {
            None => (None, Some("not measured")),
            Some((_, None)) => (None, Some("not defined by the capture")),
            Some((_, Some(v))) if !v.is_finite() => (None, Some("not a finite number")),
            Some((_, value)) => (*value, None),
        };
        let margin = value.and_then(|v| {
            let sides = [limit.min.map(|min| v - min), limit.max.map(|max| max - v)];
            sides.into_iter().flatten().reduce(f64::min)
        });
        // A limit without bounds passes any value that is defined.
        let pass = value.is_some() && margin.is_none_or(|m| m >= 0.0);
        Verdict { limit: limit.clone(), value, pass, margin, reason }
    };
    limits.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_values_never_pass() {
        for values in [&[][..], &[("jitter", None)], &[("jitter", Some(f64::NAN))]] {
            for verdict in judge(&DVD_R_DL, values) {
                assert!(!verdict.pass && verdict.reason.is_some() && verdict.margin.is_none());
            }
        }
    }

    #[test]
    fn margins_are_to_the_nearer_side() {
        let judged = |v| judge(&DVD_R_DL[1..2], &[("asymmetry", Some(v))])[0].clone();
        assert!((judged(0.1).margin.unwrap() - 0.05).abs() < 1e-12);
        assert!((judged(-0.04).margin.unwrap() - 0.01).abs() < 1e-12);
        assert!(judged(-0.05).pass && judged(0.15).pass);
        assert!(!judged(-0.06).pass && !judged(0.151).pass);
    }

    #[test]
    fn layers_differ_in_reflectivity_and_resolution() {
        let values = [("i3_i14", Some(0.17)), ("r14h", Some(0.6))];
        let passes = |set: &[Limit]| judge(set, &values).iter().filter(|v| v.pass).count();
        assert_eq!((passes(&DVD_R_SL), passes(&DVD_R_DL)), (2, 0));
    }
}
