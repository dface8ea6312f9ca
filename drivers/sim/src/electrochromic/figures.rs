//! What the layers of a medium are for light, coloured and bleached.

use disc_hal::media::Medium;

use super::films;
use crate::dual_layer::Unsupported;
use crate::model::ModelError;

/// Half width of a mark as written at the optimum, metres.
pub(crate) const MARK: f64 = 0.2e-6;

/// One layer, coloured and bleached. All shares are parts of one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Decadic optical density, one pass, of the charge of the fully coloured film.
    pub density: f64,
    /// Share of the light on the disc that reaches it while all layers in front are bleached.
    pub incident: f64,
    /// Reflectance from outside the disc on a blank groove, coloured and bleached, while all others are
    /// bleached.
    pub reflectance: [f64; 2],
    /// Mean transmission of the layer, coloured and bleached.
    pub transmittance: [f64; 2],
    /// Share of the light on the layer that its film takes up, coloured and bleached.
    pub absorbed: [f64; 2],
    /// Modulation of long marks as wide as calibration makes them, coloured; recorded marks have lost
    /// their colour.
    pub modulation: f64,
}

/// Every layer of an electrochromic medium for a lens of numerical aperture `aperture`.
///
/// # Errors
/// [`ModelError`] for a medium without cells, or one whose films can't be computed.
pub fn figures(medium: &Medium, aperture: f64) -> Result<Vec<Figures>, ModelError> {
    let n = medium.cover.n;
    let mut incident = 1.0 - ((n - 1.0) / (n + 1.0)).powi(2);
    let mut all = Vec::new();
    for (index, layer) in medium.layers.iter().enumerate() {
        let cell = layer.cell.ok_or_else(|| Unsupported::new(format!("layer {index} has no electrochromic cell")))?;
        let mut of = [(0.0, 0.0, 0.0, 0.0); 2];
        for (light, theta) in of.iter_mut().zip([1.0, 0.0]) {
            let films = films(medium, index, theta)?;
            let (optics, cross) = (films.optics()?, films.cross_track(aperture));
            let level = cross.level(&optics.l0, 0.0);
            let modulation = cross.modulation(&optics.l0, MARK);
            *light = (incident * incident * level, optics.l0_transmittance, optics.l0.groove.dye, modulation);
        }
        let [coloured, bleached] = of;
        all.push(Figures {
            density: cell.full_density(),
            incident,
            reflectance: [coloured.0, bleached.0],
            transmittance: [coloured.1, bleached.1],
            absorbed: [coloured.2, bleached.2],
            modulation: coloured.3,
        });
        incident *= bleached.1;
    }
    Ok(all)
}
