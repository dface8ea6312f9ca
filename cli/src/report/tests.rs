//! The report of a recording made up from a synthetic signal.

use disc_hal::format::{BLOCK_SECTORS, BitFileOptions, encode_runs};
use disc_hal::record::{
    BlockErrors, Calibration, CalibrationMethod, CalibrationPoint, CurveKind, DefectMap, Fit, FocusSurvey,
    LayerRecording, ReadBack, Recording, SCurve, TrackingLock,
};
use disc_hal::signal::{DVD_R_DL, QualityConfig, SignalQuality, analyse, judge, measures};

use super::html;
use crate::view::View;

/// RF of a file: two smoothed levels with some noise, four samples per T.
fn quality(noise: f64) -> SignalQuality {
    let file: Vec<u8> = (0..60_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let runs = encode_runs(&file, &BitFileOptions::default());
    let mut level = 1.0;
    let mut square = Vec::new();
    for run in runs {
        square.extend(core::iter::repeat_n(level, usize::from(run) * 4));
        level = -level;
    }
    let kernel: Vec<f64> = (-8i32..=8).map(|i| (-f64::from(i * i) / 18.0).exp()).collect();
    let total: f64 = kernel.iter().sum();
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
    };
    let rf: Vec<i16> = square
        .windows(kernel.len())
        .map(|w| {
            let y: f64 = w.iter().zip(&kernel).map(|(a, b)| a * b).sum::<f64>() / total;
            (9000.0 + 4500.0 * y + noise * random()) as i16
        })
        .collect();
    let (clock, rate) = (26.15625e6, 104.625e6);
    let mut config = QualityConfig::new(rate, clock);
    config.calibration = Some(disc_hal::signal::Calibration { dark_counts: 200.0, counts_per_reflectance: 78_000.0 });
    analyse(&rf, &config).unwrap()
}

fn survey() -> FocusSurvey {
    let positions_um: Vec<f64> = (0..1024).map(|i| f64::from(i) - 400.0).collect();
    let centres = [(-360.0, 0.25), (0.0, 1.0), (55.0, 0.9)];
    let s = |x: f64| -> f64 { centres.iter().map(|(c, a)| a * (x - c) / 4.0 * (-(x - c).powi(2) / 60.0).exp()).sum() };
    let light = |x: f64| -> f64 { centres.iter().map(|(c, a)| a * (-(x - c).powi(2) / 300.0).exp()).sum() };
    let curve =
        |kind, position_nm, reflectance| SCurve { kind, position_nm, half_amplitude: 900.0, sum: 3000.0, reflectance };
    FocusSurvey {
        focus_error: positions_um.iter().map(|&x| 1400.0 * s(x)).collect(),
        sum: positions_um.iter().map(|&x| 3000.0 * light(x)).collect(),
        positions_um,
        noise: 8.0,
        threshold: 80.0,
        curves: vec![
            curve(CurveKind::Surface, -360_000, 0.04),
            curve(CurveKind::Layer(0), 0, 0.172),
            curve(CurveKind::Layer(1), 55_000, 0.165),
        ],
        attempts: 1,
    }
}

fn calibration(layer: usize) -> Calibration {
    let fit = Fit {
        coefficients: [0.0, 0.08, -0.015],
        centre_uw: 20_000.0,
        scale_uw: 3000.0,
        residuals: vec![],
        rms: 0.0042,
    };
    let points = (0..11u32)
        .map(|i| {
            let power_uw = 15_000 + i * 1000;
            let x = (f64::from(power_uw) - 20_000.0) / 3000.0;
            CalibrationPoint {
                power_uw,
                first: 0x1_E800 + i * 4,
                beta: (i > 0).then(|| fit.at(power_uw.into()) + 0.004 * f64::from(i * 7 % 5) - 0.008),
                asymmetry: Some(0.02),
                jitter_percent: (i > 0).then_some(6.4 + x * x),
                modulation: Some(0.7),
                used: i > 1,
                note: if i > 1 { String::new() } else { "too weak".into() },
            }
        })
        .collect();
    Calibration {
        layer,
        first: 0x1_E800,
        last: 0x1_E82F,
        points,
        fit,
        method: CalibrationMethod::Beta,
        target: 0.0,
        reference_uw: None,
        optimum_uw: 20_000,
    }
}

fn part(name: &str, layer: usize, blocks: u32, quality: &SignalQuality) -> LayerRecording {
    let first = [0x3_0000, 0xDD_2BA0][layer];
    let mut read = ReadBack { first, sectors: blocks * BLOCK_SECTORS as u32, ..ReadBack::default() };
    for i in 0..blocks {
        let pi_errors = 1 + i * 5 % 7;
        let psn = first + i * BLOCK_SECTORS as u32;
        read.blocks.push(BlockErrors { psn, pi_errors, attempts: 1, ..BlockErrors::default() });
        read.jitter_percent.push((i != 3).then(|| 6.5 + 0.3 * (f64::from(i) * 0.7).sin()));
    }
    read.pi_errors = read.blocks.iter().map(|b| u64::from(b.pi_errors)).sum();
    read.pi_sum8_max = read.blocks.windows(8).map(|w| w.iter().map(|b| b.pi_errors).sum()).max();
    let mut values = measures(quality);
    values.push(("pi_sum_8", read.pi_sum8_max.map(f64::from)));
    let lock = TrackingLock {
        layer,
        method: "push-pull",
        polarity: "rising",
        push_pull_counts: Some(600.0),
        push_pull: Some(0.3),
        attempts: 1,
        address: first,
    };
    LayerRecording {
        name: name.into(),
        layer,
        bytes: 12_345,
        first,
        sectors: read.sectors,
        power_uw: 20_000,
        survey: survey(),
        tracking: lock,
        calibration: calibration(layer),
        optimisation: None,
        read,
        identical: true,
        quality: quality.clone(),
        measured_first: first + 40,
        measured_sectors: 48,
        verdicts: judge(&DVD_R_DL, &values),
        map: DefectMap::default(),
        walk: Vec::new(),
        above: None,
    }
}

fn recording(noise: f64, names: [&str; 2]) -> Recording {
    let quality = quality(noise);
    Recording {
        schema: Recording::SCHEMA,
        medium: "dual-layer".into(),
        bench: "disc-hal simulated bench (serial SIM-0000000000000001, firmware 0.1.0)".into(),
        settings: vec![("program".into(), "disc-hal 0.1.0".into()), ("seed".into(), "1".into())],
        layers: vec![part(names[0], 0, 8, &quality), part(names[1], 1, 1200, &quality)],
    }
}

#[test]
fn a_report_stands_alone_and_is_the_same_each_time() {
    let recording = recording(600.0, ["README.md", "second.iso"]);
    let page = html("Recording", &View::from(&recording)).unwrap();
    assert_eq!(page, html("Recording", &View::from(&recording)).unwrap());
    // For looking at it.
    if let Some(path) = std::env::var_os("DISC_HAL_REPORT") {
        std::fs::write(path, &page).unwrap();
    }
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<svg ").count(), 12);
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    assert!(!page.contains("NaN") && !page.contains("#000000"));
    assert!(page.len() < 3_000_000, "{}", page.len());
}

#[test]
fn a_failed_limit_is_in_the_banner() {
    let recording = recording(6000.0, ["a", "b"]);
    let page = html("Recording", &View::from(&recording)).unwrap();
    let banner = &page[page.find("class=\"banner fail\"").unwrap()..page.find("</ul>").unwrap()];
    assert!(banner.contains("FAIL") && banner.contains("a on layer 0: jitter is"), "{banner}");
}

#[test]
fn names_are_escaped() {
    let recording = recording(600.0, ["<script>alert(1)</script>&\"'", "b"]);
    let page = html("Recording", &View::from(&recording)).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
}

#[test]
fn what_is_missing_is_left_out() {
    let mut recording = recording(600.0, ["a", "b"]);
    for layer in &mut recording.layers {
        layer.survey = FocusSurvey::default();
        layer.calibration.points.clear();
        layer.read = ReadBack::default();
        layer.quality.eye = None;
        layer.quality.timing.marks.intervals.clear();
        layer.identical = false;
    }
    let page = html("Recording", &View::from(&recording)).unwrap();
    assert!(page.contains("differs from what was written"));
    assert_eq!(page.matches("<svg ").count(), 10);
}
