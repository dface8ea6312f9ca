//! Media as users name them, and what the simulator needs of them.

use disc_hal::media::Medium;
use disc_hal_sim::{ModelError, SimError, SimRig};

use crate::exit::{Code, Failure};
use crate::table::plain;

/// A medium for messages: its name, and the file that it is from.
pub(crate) fn called(medium: &Medium, asked: Option<&str>) -> String {
    let name = plain(&medium.name);
    match asked {
        Some(asked) if asked != medium.name => format!("`{name}` ({})", plain(asked)),
        _ => format!("`{name}`"),
    }
}

/// A preset or a medium file of two dye layers, whose light and heat can be computed.
pub(crate) fn load(asked: &str) -> Result<Medium, Failure> {
    let medium = Medium::load(asked)?;
    if medium.is_electrochromic() {
        let what =
            format!("the medium {} is electrochromic, and this computes media of dye", called(&medium, Some(asked)));
        return Err(Failure::new(Code::Data, what).next(format!(
            "`disc-hal optics --medium {asked}` shows its layers coloured and bleached, and `disc-hal record --medium \
             {asked}` records on them; or take a medium of dye (`disc-hal media`)"
        )));
    }
    simulable(&medium, Some(asked))?;
    Ok(medium)
}

/// A preset or a medium file of either kind that the simulator can do with.
pub(crate) fn of_either_kind(asked: &str) -> Result<Medium, Failure> {
    let medium = Medium::load(asked)?;
    simulable(&medium, Some(asked))?;
    Ok(medium)
}

/// Whether it has what the simulator simulates: two layers, or any number that electrodes choose from. A
/// bench on a link does with one.
pub(crate) fn simulable(medium: &Medium, asked: Option<&str>) -> Result<(), Failure> {
    if medium.is_electrochromic() {
        return Ok(());
    }
    let has = match medium.layers.len() {
        2 => return Ok(()),
        1 => "one layer".into(),
        n => format!("{n} layers"),
    };
    let what = format!("the medium {} has {has}, and the simulator needs two", called(medium, asked));
    Err(Failure::new(Code::Data, what).next(
        "describe the second layer in a [[layer]] of its own behind the first one's, with the thickness between both \
         in [bond]; `disc-hal media dual-layer` prints such a file",
    ))
}

/// Why no light or heat follows from a description.
pub(crate) fn unusable(medium: &Medium, asked: Option<&str>, error: ModelError) -> Failure {
    let what = format!("the medium {} can't be computed: {error}", called(medium, asked));
    Failure::new(Code::Data, what).because(error).next("correct the medium file, or take a preset (`disc-hal media`)")
}

/// A blank simulated disc, or why there is none, by the name that the user gave.
pub(crate) fn simulated(
    rig: Result<SimRig, SimError>,
    medium: &Medium,
    asked: Option<&str>,
) -> Result<SimRig, Failure> {
    rig.map_err(|error| match error {
        SimError::Medium { source, .. } => unusable(medium, asked, source),
        other => other.into(),
    })
}
