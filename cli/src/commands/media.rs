//! `disc-hal media`.

use clap::Args;
use disc_hal::media::Medium;
use disc_hal_sim::claims::{self, Finding};
use disc_hal_sim::dual_layer::DualLayer;
use disc_hal_sim::electrochromic;
use disc_hal_sim::{APERTURE, ModelError};
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::medium::unusable;
use crate::output;
use crate::table::render;

/// Lists the media that are built in, with what follows from their films, or prints one as a medium file.
///
/// Reflectances are those from outside the disc on a blank groove; of an electrochromic medium, those of a
/// layer while it is coloured and all others are bleached, and T_L0 is that of the bleached first layer.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal media
  disc-hal media dual-layer > mine.toml
  disc-hal media --schema > medium.schema.json
  disc-hal record README.md --medium mine.toml")]
pub(crate) struct MediaArgs {
    /// A preset or a medium file; it is checked and printed.
    name: Option<String>,
    /// Prints the list as one JSON document.
    #[arg(long, conflicts_with = "name")]
    json: bool,
    /// Prints the JSON schema of medium files, for editors.
    #[arg(long, conflicts_with_all = ["name", "json"])]
    schema: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    medium: String,
    /// Percent, from outside the disc, blank groove; of each layer of an electrochromic medium while it
    /// is coloured and all others are bleached.
    reflectance: Vec<f64>,
    /// Percent, of the blank first layer; of an electrochromic one, bleached.
    transmittance: f64,
    claims_met: Vec<String>,
    description: String,
}

pub(super) fn run(args: &MediaArgs) -> Result<Code, Failure> {
    if args.schema {
        output::json(&Medium::schema())?;
        return Ok(Code::Pass);
    }
    if let Some(name) = &args.name {
        let text = Medium::load(name)?
            .to_toml()
            .map_err(|e| Failure::new(Code::Data, format!("can't write the medium `{name}` as TOML")).because(e))?;
        output::stdout(text.as_bytes())?;
        return Ok(Code::Pass);
    }
    let media: Vec<Medium> = Medium::presets().map(Medium::load).collect::<Result<_, _>>()?;
    let findings = claims::check_all(&media);
    let lines: Vec<Line> = media.into_iter().zip(findings).map(|(m, f)| line(m, f)).collect::<Result<_, _>>()?;
    if args.json {
        output::json(&lines)?;
        return Ok(Code::Pass);
    }
    let mut rows =
        vec![["medium", "R_L0 %", "R_L1 %", "T_L0 %", "claims met", "description"].map(String::from).to_vec()];
    for l in lines {
        let reflectance = |layer: usize| l.reflectance.get(layer).map_or_else(|| "-".into(), |r| format!("{r:.1}"));
        let (r0, r1) = (reflectance(0), reflectance(1));
        rows.push(vec![l.medium, r0, r1, format!("{:.1}", l.transmittance), l.claims_met.join(" "), l.description]);
    }
    output::stdout(render(&rows).as_bytes())?;
    Ok(Code::Pass)
}

fn line(medium: Medium, findings: Result<Vec<Finding>, ModelError>) -> Result<Line, Failure> {
    let cant = |e| unusable(&medium, None, e);
    let findings = findings.map_err(cant)?;
    let claims_met = findings.iter().filter(|f| f.met).map(|f| f.claim.to_string()).collect();
    if medium.is_electrochromic() {
        let figures = electrochromic::figures(&medium, APERTURE).map_err(cant)?;
        return Ok(Line {
            reflectance: figures.iter().map(|f| 100.0 * f.reflectance[0]).collect(),
            transmittance: 100.0 * figures.first().map_or(0.0, |f| f.transmittance[1]),
            claims_met,
            medium: medium.name,
            description: medium.description,
        });
    }
    let films = DualLayer::of(&medium).map_err(|e| cant(e.into()))?;
    let optics = films.optics().map_err(|e| cant(e.into()))?;
    let cross = films.cross_track(APERTURE);
    Ok(Line {
        reflectance: [0, 1].map(|layer| 100.0 * optics.seen(&cross, layer, 0.0)).into(),
        transmittance: 100.0 * optics.l0_transmittance,
        claims_met,
        medium: medium.name,
        description: medium.description,
    })
}
