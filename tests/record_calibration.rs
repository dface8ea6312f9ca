//! The three ways to a write power, on a scripted disc whose marks darken with power.

mod support;

use disc_hal::hal::WriteStrategy;
use disc_hal::media::{GammaTarget, KappaTarget, Medium};
use disc_hal::record::{
    Calibration, CalibrationFault, CalibrationMethod, Options, Problem, RecordError, Session, Silent,
};
use support::{Disc, Fake};

/// Power, over the recommended one, at which the scripted marks have the right length.
const RIGHT: f64 = 1.02;
/// Threshold of the marks over the recommended power.
const THRESHOLD: f64 = 0.55;
/// Write power over target power.
const RHO: f64 = 1.1;

/// The medium with the targets of its optimum: on m P = m_max (P - P_thr), gamma is
/// P_thr / (P - P_thr).
fn medium() -> Medium {
    let mut medium = Medium::load("dual-layer").unwrap();
    let kappa = RIGHT / RHO / THRESHOLD;
    for layer in &mut medium.layers {
        layer.write.gamma = Some(GammaTarget { target: 1.0 / (kappa - 1.0), rho: RHO });
        layer.write.kappa = Some(KappaTarget { kappa, rho: RHO });
    }
    medium
}

fn calibrate(
    medium: &Medium,
    threshold: Option<f64>,
    layer: usize,
    options: Options,
) -> Result<Calibration, RecordError> {
    let mut disc = Disc::blank(medium);
    disc.threshold = threshold;
    let mut fake = Fake::with_disc(medium, disc);
    let mut silent = Silent;
    let mut session = Session::open(fake.bench(), medium, options, &mut silent)?;
    session.go_to_layer(layer)?;
    session.calibrate(layer)
}

fn by(method: CalibrationMethod) -> Options {
    let mut options = Options::default();
    options.calibration = method;
    options
}

const METHODS: [CalibrationMethod; 3] = [CalibrationMethod::Beta, CalibrationMethod::Gamma, CalibrationMethod::Kappa];

#[test]
fn beta_gamma_and_kappa_agree_where_their_targets_are_of_one_optimum() {
    let medium = medium();
    for layer in 0..2 {
        let nominal = f64::from(medium.layers[layer].write.strategy.peak.0);
        let found = METHODS.map(|method| {
            let c = calibrate(&medium, Some(THRESHOLD), layer, by(method)).unwrap();
            assert_eq!(c.method, method);
            let power = f64::from(c.optimum_uw) / nominal;
            println!(
                "layer {layer}, {method}: {power:.4} of the recommended power, reference {:.4}, target {:.3}, rms {:.4}",
                c.reference_uw.unwrap_or(f64::NAN) / nominal,
                c.target,
                c.fit.rms
            );
            if method == CalibrationMethod::Kappa {
                assert!((c.reference_uw.unwrap() / nominal / THRESHOLD - 1.0).abs() < 0.01, "{:?}", c.reference_uw);
            }
            power
        });
        let spread = found.iter().fold(0.0f64, |w, p| w.max((p / RIGHT - 1.0).abs()));
        println!("layer {layer}: at most {:.2} % from the right power", 100.0 * spread);
        assert!(spread < 0.015, "{found:?}");
    }
}

#[test]
fn marks_as_dark_at_every_power_are_refused_by_gamma_and_kappa() {
    let medium = medium();
    for method in [CalibrationMethod::Gamma, CalibrationMethod::Kappa] {
        let error = calibrate(&medium, None, 0, by(method)).unwrap_err();
        let text = error.to_string();
        let fault = matches!(error.problem(), Problem::Calibration(CalibrationFault::NotApplicable { .. }));
        assert!(fault && text.contains("saturated") && text.contains("calibrate by beta"), "{text}");
    }
    assert!(calibrate(&medium, None, 0, by(CalibrationMethod::Beta)).is_ok());
}

#[test]
fn a_strategy_of_the_options_takes_the_place_of_the_mediums() {
    let medium = medium();
    let own = medium.layers[1].write.strategy;
    let mut options = Options::default();
    // Too weak for the range around the medium's power: the other range must be used.
    let weaker = WriteStrategy { peak: disc_hal::hal::Microwatts(own.peak.0 * 9 / 10), ..own };
    options.strategies.insert(1, weaker);
    let c = calibrate(&medium, None, 1, options).unwrap();
    let lowest = f64::from(c.points[0].power_uw) / f64::from(weaker.peak.0);
    assert!((lowest - 0.75).abs() < 0.01, "{lowest}");
    let found = f64::from(c.optimum_uw) / f64::from(own.peak.0);
    assert!((found / RIGHT - 1.0).abs() < 0.01, "{found}");
}
