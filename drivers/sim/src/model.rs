//! From a medium's description to what the world needs: levels, heat, edges.

use std::collections::HashMap;
use std::sync::Arc;

use disc_hal::hal::WriteStrategy;
use disc_hal::media::{Film, FilmRole, Layer, Medium};

use crate::complex::c64;
use crate::dual_layer::{self, Coat, CrossTrack, DualLayer, MediumOptics, Unit};
use crate::heat::{ImpulseResponse, Resolution};
use crate::materials::{Dye, Material};
use crate::optics::StackError;
use crate::writing::{EdgeTable, Kernel, SolvedEdges, Strategy, WritePower};

/// Temperature of the room, in degrees Celsius.
const AMBIENT: f64 = 25.0;

/// Half widths of marks for which the depth of the signal is tabulated.
const WIDTHS: usize = 64;

/// Step of the natural logarithm of power at which edges are solved.
const POWER_STEP: f64 = 0.004;

/// Why a medium can't be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The films aren't physical.
    #[error("its films can't be computed: {0}")]
    Films(#[from] StackError),
    /// Something that the simulator has no model for.
    #[error("the simulator has no model for it: {0}")]
    Unsupported(String),
    /// Too dark for a focus servo.
    #[error(
        "layer {layer} reflects {percent:.2} % as seen from outside, and a focus servo needs {needed:.0} %: \
         change its films or those in front of it"
    )]
    TooDark {
        /// Which layer.
        layer: usize,
        /// Its reflectance in percent.
        percent: f64,
        /// The least that is enough, in percent.
        needed: f64,
    },
}

/// Reflectance below which no S-curve stands out, in percent.
const DARKEST: f64 = 3.0;

/// What follows from the films of one layer.
#[derive(Debug)]
pub(crate) struct LayerModel {
    /// Reflectance from outside the disc on a blank groove, first layer blank.
    pub(crate) reflectance: f64,
    /// Reflectance on the land over that in the groove.
    pub(crate) land: f64,
    /// Push-pull, half of its peak-to-peak over the mean, with its sign.
    pub(crate) push_pull: f64,
    /// Fall of the light on a mark by its half width in steps of `width_step`.
    depths: Vec<f32>,
    width_step: f64,
    response: ImpulseResponse,
    /// Rise of temperature at which the dye decomposes, in kelvin.
    threshold: f64,
}

impl LayerModel {
    /// Fall of the light, 0 to 1, on a mark of half width `half_width` metres.
    pub(crate) fn depth(&self, half_width: f64) -> f32 {
        let x = (half_width / self.width_step).clamp(0.0, (WIDTHS - 1) as f64);
        let i = (x as usize).min(WIDTHS - 2);
        let (a, b) = (self.depths[i], self.depths[i + 1]);
        a + (b - a) * (x - i as f64) as f32
    }
}

/// A medium, computed.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) layers: Vec<LayerModel>,
    /// Reflectance of the disc's surface.
    pub(crate) surface: f64,
    optics: MediumOptics,
    period: f64,
    pub(crate) bit: f64,
    pitch: f64,
    kernels: HashMap<(usize, u64), Arc<Kernel>>,
    tables: HashMap<(usize, u64, Strategy), Arc<EdgeTable>>,
}

fn material(f: &Film) -> Material {
    Material { index: c64(f.n, f.k), conductivity: f.conductivity.0, capacity: f.heat_capacity.0 }
}

fn transparent(b: &disc_hal::media::Body) -> Material {
    Material { index: c64(b.n, 0.0), conductivity: b.conductivity.0, capacity: b.heat_capacity.0 }
}

/// One layer as a recording unit: dye, perhaps one film, reflector.
fn unit(layer: &Layer) -> Result<Unit, ModelError> {
    let unsupported = |what: &str| ModelError::Unsupported(what.into());
    let [dye, between @ .., reflector] = layer.films.as_slice() else {
        return Err(unsupported("a layer needs a dye and a reflector"));
    };
    if dye.role != FilmRole::Dye || reflector.role != FilmRole::Reflector || between.len() > 1 {
        return Err(unsupported(
            "the films of a layer must be dye, at most one other film, reflector, from the light side on",
        ));
    }
    let coat = |f: &Film| Coat { material: material(f), thickness: f.groove.0 };
    if between.iter().chain([reflector]).any(|f| f.groove != f.land) {
        return Err(unsupported("films other than the dye must be as thick on the land as in the groove"));
    }
    Ok(Unit {
        dye: Dye {
            unrecorded: material(dye),
            recorded: c64(layer.recording.n, layer.recording.k),
            decomposition: layer.recording.temperature.0,
        },
        groove_dye: dye.groove.0,
        land_dye: dye.land.0,
        barrier: between.first().map(coat),
        reflector: coat(reflector),
        relief: layer.groove.depth.0,
    })
}

/// The description in the terms of the film model.
pub(crate) fn films(medium: &Medium) -> Result<DualLayer, ModelError> {
    let [l0, l1] = medium.layers.as_slice() else {
        return Err(ModelError::Unsupported(format!("a medium of {} layers, not two", medium.layers.len())));
    };
    if l0.groove.width != l1.groove.width {
        return Err(ModelError::Unsupported("grooves of different widths".into()));
    }
    Ok(DualLayer {
        wavelength: f64::from(medium.wavelength.0) * 1e-9,
        substrate: transparent(&medium.cover),
        bond: transparent(&medium.bond),
        l0: unit(l0)?,
        l1: unit(l1)?,
        pitch: f64::from(medium.track_pitch.0) * 1e-9,
        groove_width: l0.groove.width.0,
    })
}

impl Model {
    /// Computes a medium for a lens of numerical aperture `aperture`.
    pub(crate) fn new(medium: &Medium, aperture: f64) -> Result<Self, ModelError> {
        let films = films(medium)?;
        let optics = films.optics()?;
        let cross = films.cross_track(aperture);
        let mut layers = Vec::new();
        for (index, layer) in medium.layers.iter().enumerate() {
            let model = layer_model(&films, &optics, &cross, index, layer.recording.temperature.0)?;
            if model.reflectance * 100.0 < DARKEST {
                let percent = model.reflectance * 100.0;
                return Err(ModelError::TooDark { layer: index, percent, needed: DARKEST });
            }
            layers.push(model);
        }
        Ok(Self {
            layers,
            surface: 1.0 - optics.surface,
            optics,
            period: 1.0 / f64::from(medium.channel_clock.0),
            bit: medium.channel_bit(),
            pitch: films.pitch,
            kernels: HashMap::new(),
            tables: HashMap::new(),
        })
    }

    /// Light that passes the first layer, over that when it is blank, if a share
    /// `recorded` of its groove is marks.
    pub(crate) fn transmission(&self, recorded: f64) -> f64 {
        self.optics.l0_transmittance_recorded(recorded) / self.optics.l0_transmittance
    }

    /// Tracks of the first layer through which the light for the second passes, either way.
    pub(crate) fn tracks_in_cone(&self, medium: &Medium, aperture: f64) -> f64 {
        let sine = aperture / medium.bond.n;
        medium.bond.thickness.0 * sine / (1.0 - sine * sine).sqrt() / self.pitch
    }

    /// The edges of a strategy's marks at a speed of the track.
    pub(crate) fn table(&mut self, layer: usize, velocity: f64, strategy: &WriteStrategy) -> Arc<EdgeTable> {
        let wide = |table: [[i8; 3]; 3]| table.map(|row| row.map(i16::from));
        let strategy = Strategy {
            start: wide(strategy.lead),
            first: strategy.top.map(i16::from),
            middle: i16::from(strategy.multi),
            last: i16::from(strategy.last),
            end: wide(strategy.trail),
        };
        // The speed in mm/s: finer differences don't show.
        let speed = (velocity * 1e3).round() as u64;
        let response = &self.layers[layer].response;
        let kernel = self
            .kernels
            .entry((layer, speed))
            .or_insert_with(|| Arc::new(Kernel::new(response, velocity, self.period)));
        let table =
            self.tables.entry((layer, speed, strategy)).or_insert_with(|| Arc::new(EdgeTable::new(kernel, &strategy)));
        Arc::clone(table)
    }

    /// A writer of marks with a strategy on a layer.
    pub(crate) fn writer(&mut self, layer: usize, velocity: f64, strategy: &WriteStrategy) -> Writer {
        Writer {
            table: self.table(layer, velocity, strategy),
            peak: f64::from(strategy.peak.0) * 1e-6,
            bias: f64::from(strategy.bias.0) * 1e-6,
            threshold: self.layers[layer].threshold,
            layer,
            strategy: *strategy,
            solved: HashMap::new(),
            last: [None, None],
        }
    }
}

fn layer_model(
    films: &DualLayer,
    optics: &MediumOptics,
    cross: &CrossTrack,
    index: usize,
    decomposition: f64,
) -> Result<LayerModel, ModelError> {
    let layer = optics.layer(index);
    let blank = cross.level(layer, 0.0);
    let width_step = 0.5 * films.pitch / (WIDTHS - 1) as f64;
    let depths = (0..WIDTHS).map(|i| cross.modulation(layer, i as f64 * width_step).clamp(0.0, 1.0) as f32).collect();
    let write = dual_layer::writing(films, index)?;
    Ok(LayerModel {
        reflectance: optics.seen(cross, index, 0.0),
        land: cross.amplitude(layer, 0.0, 0.5 * films.pitch).norm_sqr() / blank,
        push_pull: 0.5 * cross.push_pull(layer),
        depths,
        width_step,
        response: write.response(cross.spot_radius, &Resolution::default()),
        threshold: decomposition - AMBIENT,
    })
}

/// Writes marks with one strategy: edges solved for powers near the set one.
#[derive(Debug)]
pub(crate) struct Writer {
    table: Arc<EdgeTable>,
    peak: f64,
    bias: f64,
    threshold: f64,
    pub(crate) layer: usize,
    strategy: WriteStrategy,
    solved: HashMap<i32, Arc<SolvedEdges>>,
    /// The last ones asked for: the power seldom changes.
    last: [Option<(i32, Arc<SolvedEdges>)>; 2],
}

impl Writer {
    /// Whether it writes on this layer with this strategy.
    pub(crate) fn serves(&self, layer: usize, strategy: &WriteStrategy) -> bool {
        self.layer == layer && self.strategy == *strategy
    }

    /// The edges when `gain` times the set power reaches the layer, and when `stronger` does.
    pub(crate) fn at(&mut self, gain: f64, stronger: f64) -> [Arc<SolvedEdges>; 2] {
        core::array::from_fn(|i| {
            let step = ([gain, stronger][i].max(1e-3).ln() / POWER_STEP).round() as i32;
            match &self.last[i] {
                Some((last, edges)) if *last == step => Arc::clone(edges),
                _ => {
                    let edges = self.solved(step);
                    self.last[i] = Some((step, Arc::clone(&edges)));
                    edges
                }
            }
        })
    }

    fn solved(&mut self, step: i32) -> Arc<SolvedEdges> {
        let solved = self.solved.entry(step).or_insert_with(|| {
            let gain = (f64::from(step) * POWER_STEP).exp();
            let power = WritePower { peak: self.peak * gain, bias: self.bias * gain };
            Arc::new(self.table.solve(power, self.threshold))
        });
        Arc::clone(solved)
    }
}
