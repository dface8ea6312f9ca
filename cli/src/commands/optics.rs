//! `disc-hal optics`: light in the films of a medium.

mod electrochromic;
mod figures;

use clap::{Args, ValueEnum};
use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::DualLayer;
use disc_hal_sim::optics::Polarisation;

use crate::exit::{Code, Failure};
use crate::medium::{called, simulable, unusable};
use crate::output;
use crate::table::{plain, render};
use figures::{Answer, LayerFigures, Point, answer};

/// Computes what light does in the films of a medium: reflectance, transmittance and
/// absorption of every film and layer, modulation, push-pull.
///
/// A plane wave of any wavelength, angle and polarisation; at normal incidence also what
/// the focused spot of the simulated head sees. The indices of a medium file hold at its
/// own wavelength, and are taken for all others as they are.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal optics
  disc-hal optics --medium mine.toml --layer 1
  disc-hal optics --wavelength 400..700nm:5 --json > spectrum.json
  disc-hal optics --angle 30deg --polarisation p

Reflectances of a layer are as seen from outside the disc, through its surface and for the
second layer twice through the first. Shares of places and films are of the light that
reaches their layer. The angle is that in air.

Of an electrochromic medium each layer is shown coloured and bleached, at the medium's own
wavelength and at normal incidence, while all other layers are bleached.")]
pub(crate) struct OpticsArgs {
    /// The medium: a preset (see `disc-hal media`) or a medium file.
    #[arg(long, value_name = "NAME|FILE", default_value = "dual-layer")]
    medium: String,
    /// Wavelength in vacuum, such as 405nm, or a range with its step, 400..700nm:5. Without
    /// it: the medium's own.
    #[arg(long, value_name = "WAVELENGTH")]
    wavelength: Option<Wavelengths>,
    /// Angle to the disc's normal in air, outside the disc, from 0deg to below 90deg.
    #[arg(long, value_name = "ANGLE", default_value = "0deg", value_parser = degrees)]
    angle: f64,
    /// Polarisation: s, p, or the mean of both.
    #[arg(long, value_name = "KIND", default_value = "mean")]
    polarisation: Kind,
    /// Only this layer, counted from 0 nearest to the light.
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    S,
    P,
    Mean,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::S => "s",
            Self::P => "p",
            Self::Mean => "mean",
        }
    }

    const fn parts(self) -> &'static [Polarisation] {
        match self {
            Self::S => &[Polarisation::S],
            Self::P => &[Polarisation::P],
            Self::Mean => &[Polarisation::S, Polarisation::P],
        }
    }
}

/// Wavelengths in nanometres.
#[derive(Debug, Clone, PartialEq)]
struct Wavelengths(Vec<f64>);

/// Shortest and longest wavelength, in nanometres, and how many there may be.
const SHORTEST: f64 = 300.0;
const LONGEST: f64 = 1600.0;
const MOST: f64 = 2_000.0;

/// A number of nanometres, with or without its unit.
fn nanometres(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, scale) = match (text.strip_suffix("nm"), text.strip_suffix("um")) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1e3),
        _ => (text, 1.0),
    };
    number.trim().parse().ok().map(|n: f64| n * scale).filter(|n| n.is_finite())
}

impl core::str::FromStr for Wavelengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no wavelength: write 405nm, or 400..700nm:5 for a range in steps of 5 nm");
        let within = |nm: f64| match nm {
            SHORTEST..=LONGEST => Ok(nm),
            _ => Err(format!("{nm} nm is not between {SHORTEST} nm and {LONGEST} nm")),
        };
        let Some((from, rest)) = text.split_once("..") else {
            if !text.ends_with('m') {
                return Err(bad());
            }
            return Ok(Self(vec![within(nanometres(text).ok_or_else(bad)?)?]));
        };
        let (upto, step) = rest.split_once(':').ok_or_else(bad)?;
        if !upto.trim().ends_with('m') {
            return Err(bad());
        }
        let number = |text| nanometres(text).ok_or_else(bad);
        let (from, upto, step) = (within(number(from)?)?, within(number(upto)?)?, number(step)?);
        if step <= 0.0 || upto < from {
            return Err(format!("`{text}` is an empty range: write the shorter wavelength first, and a step above 0"));
        }
        let count = ((upto - from) / step + 1e-9).floor() + 1.0;
        if count > MOST {
            return Err(format!("`{text}` are {count} wavelengths, and {MOST} are possible: take a larger step"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most MOST")]
        let count = count as u32;
        Ok(Self((0..count).map(|i| f64::from(i).mul_add(step, from)).collect()))
    }
}

fn degrees(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix("deg").unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(angle) if (0.0..90.0).contains(&angle) => Ok(angle),
        Ok(angle) => Err(format!("{angle} deg is not between 0 deg and below 90 deg; it is the angle in air")),
        Err(_) => Err(format!("`{text}` is no angle: write it as 30deg")),
    }
}

/// Computes and prints.
pub(super) fn run(args: &OpticsArgs) -> Result<Code, Failure> {
    let asked = Some(args.medium.as_str());
    let medium = Medium::load(&args.medium)?;
    if medium.is_electrochromic() {
        return electrochromic::run(args, &medium);
    }
    simulable(&medium, asked)?;
    let films = DualLayer::of(&medium).map_err(|e| unusable(&medium, asked, e.into()))?;
    has_layer(args, &medium)?;
    let own = [f64::from(medium.wavelength.0)];
    let wavelengths = args.wavelength.as_ref().map_or(&own[..], |w| &w.0);
    let answer = answer(&medium, &films, wavelengths, args.angle, args.polarisation, args.layer)
        .map_err(|e| unusable(&medium, asked, e.into()))?;
    if args.json {
        output::json(&answer)?;
    } else {
        output::stdout(page(&answer).as_bytes())?;
    }
    Ok(Code::Pass)
}

fn has_layer(args: &OpticsArgs, medium: &Medium) -> Result<(), Failure> {
    let Some(layer) = args.layer.filter(|&l| l >= medium.layers.len()) else { return Ok(()) };
    let what = format!("the medium {} has no layer {layer}", called(medium, Some(&args.medium)));
    let last = medium.layers.len().saturating_sub(1);
    Err(Failure::new(Code::Data, what).next(format!("give one of its layers 0 to {last}")))
}

fn percent(share: f64) -> String {
    // Rounding must not leave a sign on nothing.
    format!("{:.2}", share * 100.0 + 0.0).replace("-0.00", "0.00")
}

/// With its sign, and none on nothing.
fn signed(value: f64) -> String {
    let value = (value * 1e3).round() / 1e3;
    format!("{:+.3}", if value == 0.0 { 0.0 } else { value })
}

fn optional(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".into(), format)
}

fn heading(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).into()).collect()
}

/// What a person reads.
fn page(a: &Answer) -> String {
    let mut out = format!(
        "medium: {}, {} at {:.2} deg in air, polarisation {}\n",
        plain(&a.medium),
        match a.points.as_slice() {
            [one] => format!("{} nm", one.wavelength_nm),
            many => format!("{} wavelengths", many.len()),
        },
        a.angle_deg,
        a.polarisation
    );
    match a.points.as_slice() {
        [one] => out.push_str(&details(a, one)),
        many => out.push_str(&spectrum(many)),
    }
    let s = &a.spherical_aberration;
    out.push_str(&format!(
        "\nSpherical aberration between the layers ({} um of index {}, NA {APERTURE}): W040 {:.1} nm, {:.3} waves\n\
         ({:.3} waves r.m.s. at the best focus); {:.2} nm for each um by which the bond is too thick.\n",
        s.bond_um, s.bond_n, s.w040_nm, s.w040_waves, s.rms_waves, s.w040_nm_per_um
    ));
    for note in &a.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

fn details(a: &Answer, point: &Point) -> String {
    let mut rows = vec![heading(&[
        "layer",
        "R % outside",
        "area R %",
        "light %",
        "modulation",
        "on land",
        "land/groove heat",
        "push-pull",
        "zero at",
    ])];
    for l in &point.layers {
        rows.push(vec![
            l.layer.to_string(),
            optional(l.seen, percent),
            percent(l.specular),
            percent(l.incident),
            optional(l.modulation.as_ref().map(|m| m.groove), |m| format!("{m:.3}")),
            optional(l.modulation.as_ref().map(|m| m.land), |m| format!("{m:.3}")),
            format!("{:.3}", l.land_heat),
            optional(l.push_pull.as_ref().map(|p| p.amplitude), signed),
            optional(l.push_pull.as_ref().and_then(|p| p.zero_crossing_pitches), signed),
        ]);
    }
    let mut out = format!("\nLayers\n{}", render(&rows));
    out.push_str(&format!(
        "first layer lets through {} % blank, {} % recorded (half of its groove is marks)\n",
        percent(point.first_layer.blank),
        percent(point.first_layer.recorded)
    ));
    if let Some(s) = &point.shadow {
        out.push_str(&format!(
            "its grooves' shadow on the second layer: {:.2} % across the track, {:.4} % left in the sum by {:.0} tracks\n\
             in the cone of light; correlation {:+.2} with the second layer's grooves, {:+.2} of that in phase\n",
            s.at_the_layer * 100.0,
            s.in_the_sum * 100.0,
            s.tracks,
            s.correlation,
            s.alignment
        ));
    }
    for l in &point.layers {
        if let Some(m) = &l.modulation {
            out.push_str(&format!(
                "layer {}: modulation of marks {:.0} nm wide in the groove, and of those that the same power makes on \
                 the land: {}\n",
                l.layer,
                2.0 * m.mark_nm,
                if m.land_mark_nm > 0.0 { format!("{:.0} nm", 2.0 * m.land_mark_nm) } else { "none".into() }
            ));
        }
    }
    for l in &point.layers {
        if let Some(w) = &l.wobble {
            out.push_str(&format!(
                "layer {}: wobble of {:.1} nm each {} T, {:.1} kHz at 1x, {:.3} of the push-pull\n",
                l.layer, w.amplitude_nm, w.period_channel_bits, w.khz, w.normalised
            ));
        }
    }
    for l in &point.layers {
        out.push_str(&layer(l));
    }
    if a.polarisation == "mean" && a.angle_deg > 0.0 {
        out.push_str("\nShares are the means of those of both polarisations.\n");
    }
    out
}

fn layer(l: &LayerFigures) -> String {
    let mut rows = vec![heading(&["place", "R %", "T %", "dye %", "reflector %", "other %"])];
    for p in &l.places {
        let shares = [p.reflectance, p.transmittance, p.dye, p.reflector, p.other].map(percent);
        rows.push(core::iter::once(p.place.to_string()).chain(shares).collect());
    }
    let mut out = format!("\nLayer {}: places\n{}", l.layer, render(&rows));
    let places = l.places.iter().map(|p| p.place);
    let mut rows = vec![heading(&["film", "role", "groove nm", "land nm", "band nm"])];
    rows[0].extend(places.map(|p| format!("{p} %")));
    for (i, f) in l.films.iter().enumerate() {
        let mut row = vec![
            plain(&f.material),
            f.role.into(),
            format!("{:.1}", f.groove_nm),
            format!("{:.1}", f.land_nm),
            optional(f.band_nm, |b| format!("{b:.0}")),
        ];
        row.extend(l.places.iter().map(|p| percent(p.films[i])));
        rows.push(row);
    }
    out.push_str(&format!("Layer {}: absorbed in each film, from the light side on\n{}", l.layer, render(&rows)));
    out
}

/// One line for each wavelength.
fn spectrum(points: &[Point]) -> String {
    let mut head = heading(&["nm", "T0 % blank", "T0 % recorded"]);
    let layers = points.first().map_or(&[][..], |p| &p.layers);
    for l in layers {
        head.extend(
            ["R % outside", "area R %", "groove dye %", "land dye %", "push-pull"].map(|c| format!("L{} {c}", l.layer)),
        );
    }
    let mut rows = vec![head];
    for p in points {
        let mut row = vec![p.wavelength_nm.to_string(), percent(p.first_layer.blank), percent(p.first_layer.recorded)];
        for l in &p.layers {
            let dye = |i: usize| l.places.get(i).map_or(0.0, |p| p.dye);
            row.extend([
                optional(l.seen, percent),
                percent(l.specular),
                percent(dye(0)),
                percent(dye(1)),
                optional(l.push_pull.as_ref().map(|p| p.amplitude), signed),
            ]);
        }
        rows.push(row);
    }
    format!("\n{}", render(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wavelengths_are_single_ones_and_ranges() {
        let of = |text: &str| text.parse::<Wavelengths>().map(|w| w.0);
        assert_eq!(of("405nm"), Ok(vec![405.0]));
        assert_eq!(of("0.65 um").map(|w| w[0].round()), Ok(650.0));
        assert_eq!(of("400..410nm:5"), Ok(vec![400.0, 405.0, 410.0]));
        assert_eq!(of("400nm..700nm:0.5nm").map(|w| w.len()), Ok(601));
        for (text, word) in [
            ("405", "405nm"),
            ("400..700", "400..700nm:5"),
            ("400..700nm", "in steps"),
            ("700..400nm:5", "empty range"),
            ("400..700nm:0", "empty range"),
            ("400..700nm:0.001", "larger step"),
            ("100nm", "not between 300"),
            ("NaNnm", "no wavelength"),
        ] {
            assert!(of(text).is_err_and(|e| e.contains(word)), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn angles_are_those_in_air() {
        assert_eq!((degrees("30deg"), degrees("0"), degrees("89.9 deg")), (Ok(30.0), Ok(0.0), Ok(89.9)));
        assert!(degrees("90deg").is_err_and(|e| e.contains("in air")) && degrees("-1deg").is_err());
        assert!(degrees("steep").is_err_and(|e| e.contains("30deg")));
    }
}
