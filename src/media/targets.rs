//! Targets of the power calibrations that go by modulation.

use serde::{Deserialize, Serialize};

/// Target of a calibration by gamma: gamma(P) = (P/m) dm/dP, m the modulation I14/I14H.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GammaTarget {
    /// Gamma that is looked for.
    pub target: f64,
    /// Write power over the power at which gamma has that value.
    pub rho: f64,
}

/// Target of a calibration by kappa: m P against P is a straight line,
/// m P = m_max (P - P_thr).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KappaTarget {
    /// Target power over the threshold P_thr.
    pub kappa: f64,
    /// Write power over the target power.
    pub rho: f64,
}

/// Whether the values can be meant.
pub(super) fn check(gamma: Option<GammaTarget>, kappa: Option<KappaTarget>) -> Result<(), String> {
    let within = |name: &str, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(format!("{name} {value} is not between {low} and {high}"))
        }
    };
    if let Some(gamma) = gamma {
        within("gamma: target", gamma.target, 0.05, 10.0)?;
        within("gamma: rho", gamma.rho, 0.5, 2.0)?;
    }
    if let Some(kappa) = kappa {
        within("kappa: kappa", kappa.kappa, 1.01, 5.0)?;
        within("kappa: rho", kappa.rho, 0.5, 2.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::media::Medium;

    #[test]
    fn targets_are_read_checked_and_written_again() {
        let mut own = Medium::load("dual-layer").unwrap();
        own.layers.iter_mut().for_each(|l| (l.write.gamma, l.write.kappa) = (None, None));
        let text = own.to_toml().unwrap();
        let with =
            |keys: &str| Medium::parse(&text.replacen("beta = 0.0", &format!("beta = 0.0\n{keys}"), 1), "x.toml");
        let medium = with("gamma = { target = 0.6, rho = 1.2 }\nkappa = { kappa = 1.4, rho = 1.1 }").unwrap();
        let write = medium.layers[0].write;
        assert_eq!((write.gamma.map(|g| g.target), write.kappa.map(|k| k.rho)), (Some(0.6), Some(1.1)));
        assert_eq!(medium.layers[1].write.gamma, None);
        assert_eq!(Medium::parse(&medium.to_toml().unwrap(), "again").unwrap(), medium);
        for (keys, words) in [
            ("gamma = { target = -1.0, rho = 1.2 }", "gamma: target -1"),
            ("gamma = { target = nan, rho = 1.2 }", "gamma: target NaN"),
            ("kappa = { kappa = 1.0, rho = 1.0 }", "kappa: kappa 1"),
            ("kappa = { kappa = 1.5, rho = 3.0 }", "kappa: rho 3"),
            ("kappa = { kappa = 1.5 }", "missing field `rho`"),
            ("gama = { target = 1.0, rho = 1.2 }", "unknown field `gama`"),
        ] {
            let message = with(keys).unwrap_err().to_string();
            assert!(message.contains(words), "{keys}: {message}");
        }
    }
}
