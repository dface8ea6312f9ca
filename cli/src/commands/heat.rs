//! `disc-hal heat`.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use disc_hal::hal::{MicrometresPerSecond, Microwatts, Picoseconds};
use disc_hal_sim::dual_layer::{DualLayer, Place, writing_at};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::writing::{Pulse, PulseMark};
use disc_hal_sim::{AMBIENT, APERTURE};
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::medium::{self, called, unusable};
use crate::output::{self, OutFile};
use crate::progress::Voice;
use crate::table::{plain, render};

/// Computes what one laser pulse heats in a layer: temperatures over time and place, and the mark.
///
/// Light and heat follow from the films: the dye's thickness in the groove and on the land,
/// reflectors and other films in bands. Temperatures are means over the depth of the dye. Nothing
/// changes with the temperature in this model, and decomposition itself makes no heat.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal heat --layer 1 --power 12mW --pulse 40ns
  disc-hal heat --medium mine.toml --layer 0 --power 9mW --pulse 150ns --velocity 0m/s
  disc-hal heat --layer 1 --power 30mW --pulse 40ns --land
  disc-hal heat --layer 0 --power 12mW --pulse 40ns --csv heat.csv
  disc-hal heat --medium mine.toml --layer 1 --power 12mW --pulse 40ns --csv > heat.csv
  disc-hal heat --layer 0 --power 12mW --pulse 40ns --json")]
pub(crate) struct HeatArgs {
    /// The medium: a preset (see `disc-hal media`) or a medium file.
    #[arg(long, value_name = "NAME|FILE", default_value = "dual-layer")]
    medium: String,
    /// The layer, counted from 0 nearest to the light.
    #[arg(long, value_name = "N")]
    layer: usize,
    /// Power on the disc surface, such as 12mW; up to 200 mW.
    #[arg(long, value_name = "POWER", value_parser = power)]
    power: Microwatts,
    /// Length of the pulse, such as 40ns; from 1 ns to 2 us.
    #[arg(long, value_name = "TIME", value_parser = pulse)]
    pulse: Picoseconds,
    /// The spot is on the middle of a land, not of a groove.
    #[arg(long)]
    land: bool,
    /// Velocity of the spot along the track, such as 3.84m/s; 0m/s for a resting spot; up to
    /// 100 m/s [default: the medium's].
    #[arg(long, value_name = "VELOCITY", value_parser = velocity)]
    velocity: Option<MicrometresPerSecond>,
    /// Writes temperatures against time and place, and the outline of the mark, as CSV; without a
    /// file, or with `-`, to the standard output in place of the table.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    csv: Option<PathBuf>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

fn power(text: &str) -> Result<Microwatts, String> {
    match text.parse::<Microwatts>() {
        Ok(p) if (1..=200_000).contains(&p.0) => Ok(p),
        Ok(p) => Err(format!("{} mW is not between 0.001 mW and 200 mW", f64::from(p.0) * 1e-3)),
        Err(error) => Err(error.to_string()),
    }
}

fn pulse(text: &str) -> Result<Picoseconds, String> {
    const WHAT: &str = "a pulse lasts from 1ns to 2us";
    match text.parse::<Picoseconds>() {
        Ok(t) if (1_000..=2_000_000).contains(&t.0) => Ok(t),
        Ok(_) => Err(WHAT.into()),
        Err(error) => Err(format!("{error}; {WHAT}")),
    }
}

fn velocity(text: &str) -> Result<MicrometresPerSecond, String> {
    // Nothing is nothing in any unit.
    if text.trim() == "0" {
        return Ok(MicrometresPerSecond(0));
    }
    match text.parse::<MicrometresPerSecond>() {
        Ok(v) if v.0 <= 100_000_000 => Ok(v),
        Ok(_) => Err("a spot moves at 0m/s to 100m/s".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    medium: String,
    layer: usize,
    place: &'static str,
    power_mw: f64,
    pulse_ns: f64,
    velocity_m_per_s: f64,
    spot_radius_nm: f64,
    axisymmetric: bool,
    absorbed: Absorbed,
    ambient_deg_c: f64,
    decomposition_deg_c: f64,
    peak_deg_c: f64,
    peak_time_ns: f64,
    peak_along_nm: f64,
    time_above_decomposition_ns: f64,
    cooling_half_time_ns: f64,
    threshold_power_mw: f64,
    mark: Option<Mark>,
}

/// Shares of the light on the surface.
#[derive(Debug, Serialize)]
struct Absorbed {
    dye: f64,
    reflector: f64,
}

#[derive(Debug, Serialize)]
struct Mark {
    start_nm: f64,
    end_nm: f64,
    length_nm: f64,
    width_nm: f64,
    /// (along, half width).
    outline_nm: Vec<(f64, f64)>,
}

impl From<&PulseMark> for Mark {
    fn from(m: &PulseMark) -> Self {
        Self {
            start_nm: m.start * 1e9,
            end_nm: m.end * 1e9,
            length_nm: (m.end - m.start) * 1e9,
            width_nm: m.width() * 1e9,
            outline_nm: m.outline.iter().map(|(x, h)| (x * 1e9, h * 1e9)).collect(),
        }
    }
}

/// Heats a layer.
pub(super) fn run(args: &HeatArgs, voice: Voice) -> Result<Code, Failure> {
    let asked = Some(args.medium.as_str());
    let medium = medium::load(&args.medium)?;
    let layers = medium.layers.len();
    let Some(described) = medium.layers.get(args.layer) else {
        return Err(Failure::new(
            Code::Usage,
            format!("the medium {} has no layer {}: it has {layers}", called(&medium, asked), args.layer),
        )
        .next(format!("give --layer 0 to {}", layers.saturating_sub(1))));
    };
    let to_stdout = args.csv.as_deref().is_some_and(|p| p.as_os_str() == "-");
    if to_stdout && args.json {
        return Err(Failure::new(Code::Usage, "--csv - and --json both want the standard output")
            .next("give --csv a file, or leave one of them out"));
    }
    let csv = match &args.csv {
        Some(path) if !to_stdout => Some(OutFile::create(path, &[Path::new(&args.medium)])?),
        _ => None,
    };
    let films = DualLayer::of(&medium).map_err(|e| unusable(&medium, asked, e.into()))?;
    let place = if args.land { Place::Land } else { Place::Groove };
    let write = writing_at(&films, args.layer, place).map_err(|e| unusable(&medium, asked, e.into()))?;
    let spot = films.cross_track(APERTURE).spot_radius;
    let (dye, reflector) = write.absorbed(spot);
    if dye + reflector <= 0.0 {
        let what = format!("layer {} of the medium {} takes up no light there", args.layer, called(&medium, asked));
        return Err(Failure::new(Code::Data, what).next("give its dye or its reflector an index k above zero"));
    }
    let response = write.response(spot, &Resolution::STANDARD);
    let velocity = args.velocity.unwrap_or(medium.velocity);
    let pulse = Pulse {
        response: &response,
        power: f64::from(args.power.0) * 1e-6,
        length: args.pulse.0 as f64 * 1e-12,
        velocity: f64::from(velocity.0) * 1e-6,
    };
    let threshold = described.recording.temperature.0 - AMBIENT;
    let (along, time, rise) = pulse.hottest();
    let mark = pulse.mark(threshold);
    let document = Document {
        schema: 1,
        command: "heat",
        medium: medium.name.clone(),
        layer: args.layer,
        place: if args.land { "land" } else { "groove" },
        power_mw: pulse.power * 1e3,
        pulse_ns: pulse.length * 1e9,
        velocity_m_per_s: pulse.velocity,
        spot_radius_nm: spot * 1e9,
        axisymmetric: response.is_axisymmetric(),
        absorbed: Absorbed { dye, reflector },
        ambient_deg_c: AMBIENT,
        decomposition_deg_c: described.recording.temperature.0,
        peak_deg_c: rise + AMBIENT,
        peak_time_ns: time * 1e9,
        peak_along_nm: along * 1e9,
        time_above_decomposition_ns: pulse.time_above(along, threshold) * 1e9,
        cooling_half_time_ns: pulse.cooling_half_time() * 1e9,
        threshold_power_mw: pulse.power * threshold / rise * 1e3,
        mark: mark.as_ref().map(Mark::from),
    };
    if to_stdout {
        output::stdout(table_of(&pulse, mark.as_ref(), document.decomposition_deg_c).as_bytes())?;
    } else if args.json {
        output::json(&document)?;
    } else {
        output::stdout(text(&document).as_bytes())?;
    }
    if let Some(file) = csv {
        let name = file.path().to_owned();
        file.write(table_of(&pulse, mark.as_ref(), document.decomposition_deg_c).as_bytes())?;
        voice.say(&format!("the temperatures are in {}", name.display()));
    }
    Ok(Code::Pass)
}

fn text(d: &Document) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("medium", format!("{}, layer {}, {}", plain(&d.medium), d.layer, d.place)),
        row("pulse", format!("{:.3} mW for {:.3} ns at {:.3} m/s", d.power_mw, d.pulse_ns, d.velocity_m_per_s)),
        row(
            "light absorbed",
            format!("{:.2} % in the dye, {:.2} % in the reflector", d.absorbed.dye * 1e2, d.absorbed.reflector * 1e2),
        ),
        row(
            "highest temperature",
            format!("{:.1} C after {:.1} ns, {:.0} nm along the track", d.peak_deg_c, d.peak_time_ns, d.peak_along_nm),
        ),
        row(
            "above decomposition",
            format!("{:.1} ns above {:.0} C", d.time_above_decomposition_ns, d.decomposition_deg_c),
        ),
        row("half cooled", format!("{:.2} ns after the pulse", d.cooling_half_time_ns)),
        row("threshold power", format!("{:.3} mW for a pulse of this length", d.threshold_power_mw)),
    ];
    rows.push(match &d.mark {
        Some(m) => row(
            "mark",
            format!("{:.0} nm long ({:.0} to {:.0} nm), {:.0} nm wide", m.length_nm, m.start_nm, m.end_nm, m.width_nm),
        ),
        None => row("mark", "none: nothing gets as hot as that".into()),
    });
    render(&rows)
}

/// Temperatures over time and place, then the mark's outline.
fn table_of(pulse: &Pulse<'_>, mark: Option<&PulseMark>, decomposition: f64) -> String {
    const TIMES: usize = 40;
    let mut out = String::from("kind,time_ns,along_nm,across_nm,temperature_deg_c\n");
    let travel = pulse.velocity * pulse.length;
    let end = pulse.length + (2.0 * pulse.length).clamp(40e-9, 400e-9);
    // About one place for each 100 nm, and no more than a page of them.
    let span = travel + 1.6e-6;
    let places = ((span / 100e-9).ceil() as usize).min(64);
    let mut line = |kind: &str, time: Option<f64>, along: f64, across: f64, degrees: f64| {
        let time = time.map_or(String::new(), |t| format!("{:.3}", t * 1e9));
        // Writing to a String doesn't fail.
        let _ = writeln!(out, "{kind},{time},{:.2},{:.2},{degrees:.3}", along * 1e9, across * 1e9);
    };
    for i in 0..=TIMES {
        let time = end * i as f64 / TIMES as f64;
        for j in 0..=places {
            let along = -0.8e-6 + span * j as f64 / places as f64;
            for across in [0.0, 0.1e-6, 0.2e-6, 0.3e-6, 0.4e-6] {
                line("temperature", Some(time), along, across, AMBIENT + pulse.rise(along, across, time));
            }
        }
    }
    if let Some(mark) = mark {
        let there = mark.outline.iter().map(|&(x, h)| (x, h));
        let back = mark.outline.iter().rev().skip(1).map(|&(x, h)| (x, -h));
        for (along, across) in there.chain(back) {
            line("outline", None, along, across, decomposition);
        }
    }
    out
}
