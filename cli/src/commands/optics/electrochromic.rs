//! The optics of media whose layers are chosen by electrodes.

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::electrochromic::{Figures, figures};
use serde::Serialize;

use super::{Kind, OpticsArgs, has_layer, heading, percent};
use crate::exit::{Code, Failure};
use crate::medium::{called, unusable};
use crate::output;
use crate::table::{plain, render};

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema: u32,
    command: &'static str,
    medium: &'a str,
    wavelength_nm: i32,
    numerical_aperture: f64,
    layers: Vec<Line>,
}

/// Shares are parts of one.
#[derive(Debug, Serialize)]
struct Line {
    layer: usize,
    optical_density: f64,
    /// Share of the light on the disc that reaches it, others bleached.
    incident: f64,
    coloured: State,
    bleached: State,
    modulation: f64,
}

#[derive(Debug, Serialize)]
struct State {
    /// From outside the disc.
    reflectance: f64,
    transmittance: f64,
    /// In the electrochromic film, of the light on the layer.
    absorbed: f64,
}

fn line(layer: usize, f: &Figures) -> Line {
    let state =
        |i: usize| State { reflectance: f.reflectance[i], transmittance: f.transmittance[i], absorbed: f.absorbed[i] };
    Line {
        layer,
        optical_density: f.density,
        incident: f.incident,
        coloured: state(0),
        bleached: state(1),
        modulation: f.modulation,
    }
}

pub(super) fn run(args: &OpticsArgs, medium: &Medium) -> Result<Code, Failure> {
    let asked = Some(args.medium.as_str());
    if args.wavelength.is_some() || args.angle != 0.0 || args.polarisation != Kind::Mean {
        let what = format!(
            "the medium {} is electrochromic: its layers are shown at its own wavelength and at normal incidence",
            called(medium, asked)
        );
        return Err(Failure::new(Code::Usage, what).next("leave --wavelength, --angle and --polarisation out"));
    }
    has_layer(args, medium)?;
    let figures = figures(medium, APERTURE).map_err(|e| unusable(medium, asked, e))?;
    let layers: Vec<Line> = figures
        .iter()
        .enumerate()
        .filter(|(layer, _)| args.layer.is_none_or(|wanted| wanted == *layer))
        .map(|(layer, f)| line(layer, f))
        .collect();
    if args.json {
        output::json(&Answer {
            schema: 1,
            command: "optics",
            medium: &medium.name,
            wavelength_nm: medium.wavelength.0,
            numerical_aperture: APERTURE,
            layers,
        })?;
        return Ok(Code::Pass);
    }
    let mut rows = vec![heading(&[
        "layer",
        "OD",
        "light %",
        "R % coloured",
        "R % bleached",
        "T % coloured",
        "T % bleached",
        "heat % coloured",
        "heat % bleached",
        "modulation",
    ])];
    for l in &layers {
        rows.push(vec![
            l.layer.to_string(),
            format!("{:.2}", l.optical_density),
            percent(l.incident),
            percent(l.coloured.reflectance),
            percent(l.bleached.reflectance),
            percent(l.coloured.transmittance),
            percent(l.bleached.transmittance),
            percent(l.coloured.absorbed),
            percent(l.bleached.absorbed),
            format!("{:.3}", l.modulation),
        ]);
    }
    output::stdout(
        format!(
            "medium: {}, {} nm, electrochromic: one layer coloured at a time, all others bleached\n\n{}\nR from outside \
             the disc; T and heat in the film of the light on the layer; modulation of long marks, coloured.\n",
            plain(&medium.name),
            medium.wavelength.0,
            render(&rows)
        )
        .as_bytes(),
    )?;
    Ok(Code::Pass)
}
