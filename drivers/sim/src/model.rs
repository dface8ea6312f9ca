//! From a medium's description to what the world needs: levels, heat, edges.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use disc_hal::hal::WriteStrategy;
use disc_hal::media::Medium;

use crate::dual_layer::{self, CrossTrack, DualLayer, MediumOptics, Place, Unsupported, WriteOptics};
use crate::electrochromic;
use crate::heat::{ImpulseResponse, Resolution};
use crate::optics::StackError;
use crate::writing::{EdgeTable, Kernel, SLOTS, SolvedEdges, Strategy, WritePower, class};

/// Temperature of the room, in degrees Celsius.
pub const AMBIENT: f64 = 25.0;

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
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
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
    /// Mean transmission, unrecorded.
    pub(crate) transmittance: f64,
    /// Light that its recording film takes up, over that at which it is written with its strategy:
    /// below 1 where a cell isn't coloured.
    pub(crate) absorption: f64,
    /// Depth of marks over that at the colouration at which they are written.
    pub(crate) contrast: f64,
    /// Fall of the light on a mark by its half width in steps of `width_step`.
    depths: Vec<f32>,
    width_step: f64,
    /// Its films, and which of their two units it is.
    films: (DualLayer, usize),
    /// How light becomes heat when something is written in the groove, with less dye on the land,
    /// and what comes of it: computed when it is needed, it takes a second.
    write: WriteOptics,
    spot_radius: f64,
    response: OnceLock<ImpulseResponse>,
    /// Rise of temperature at which the dye decomposes, in kelvin.
    threshold: f64,
    /// Share of the light that the film of a cell takes up when it is written on, and modulation then.
    coloured: (f64, f64),
}

/// What light shows of a layer.
struct Seen {
    level: f64,
    land: f64,
    push_pull: f64,
    depths: Vec<f32>,
}

fn seen(optics: &MediumOptics, cross: &CrossTrack, pitch: f64, index: usize) -> Seen {
    let layer = optics.layer(index);
    let level = cross.level(layer, 0.0);
    let step = width_step(pitch);
    Seen {
        level,
        land: cross.amplitude(layer, 0.0, 0.5 * pitch).norm_sqr() / level,
        push_pull: 0.5 * cross.push_pull(layer),
        depths: (0..WIDTHS).map(|i| cross.modulation(layer, i as f64 * step).clamp(0.0, 1.0) as f32).collect(),
    }
}

fn width_step(pitch: f64) -> f64 {
    0.5 * pitch / (WIDTHS - 1) as f64
}

impl LayerModel {
    fn response(&self) -> &ImpulseResponse {
        self.response.get_or_init(|| self.write.response(self.spot_radius, &Resolution::default()))
    }

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
    /// By how much more of the second layer's light comes back over a groove of the first than on
    /// the mean, relative.
    pub(crate) groove_shadow: f64,
    /// Of a medium of dye layers.
    optics: Option<MediumOptics>,
    aperture: f64,
    period: f64,
    pub(crate) bit: f64,
    pitch: f64,
    kernels: HashMap<(usize, u64), Arc<Kernel>>,
    tables: HashMap<(usize, u64, Strategy), Arc<EdgeTable>>,
}

impl Model {
    /// Computes a medium for a lens of numerical aperture `aperture`.
    pub(crate) fn new(medium: &Medium, aperture: f64) -> Result<Self, ModelError> {
        if medium.is_electrochromic() {
            return Self::electrochromic(medium, aperture);
        }
        let films = DualLayer::of(medium)?;
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
            groove_shadow: films.shadow(&optics, aperture).over_groove,
            optics: Some(optics),
            aperture,
            pitch: films.pitch,
            period: 1.0 / f64::from(medium.channel_clock.0),
            bit: medium.channel_bit(),
            kernels: HashMap::new(),
            tables: HashMap::new(),
        })
    }

    /// A medium whose layers are chosen by electrodes, all of them bleached. Each is computed by itself: the
    /// light that the others leave it is for the world to say, which knows their colouration.
    fn electrochromic(medium: &Medium, aperture: f64) -> Result<Self, ModelError> {
        let mut layers = Vec::new();
        let figures = electrochromic::figures(medium, aperture)?;
        for (index, (layer, figures)) in medium.layers.iter().zip(figures).enumerate() {
            let percent = 100.0 * figures.reflectance[0];
            if percent < DARKEST {
                return Err(ModelError::TooDark { layer: index, percent, needed: DARKEST });
            }
            let films = electrochromic::films(medium, index, 1.0)?;
            let (optics, cross) = (films.optics()?, films.cross_track(aperture));
            let mut model = layer_model(&films, &optics, &cross, 0, layer.recording.temperature.0)?;
            model.coloured = (optics.l0.groove.dye, cross.modulation(&optics.l0, electrochromic::MARK));
            layers.push(model);
        }
        let n = medium.cover.n;
        let mut model = Self {
            layers,
            surface: ((n - 1.0) / (n + 1.0)).powi(2),
            groove_shadow: 0.0,
            optics: None,
            aperture,
            period: 1.0 / f64::from(medium.channel_clock.0),
            bit: medium.channel_bit(),
            pitch: f64::from(medium.track_pitch.0) * 1e-9,
            kernels: HashMap::new(),
            tables: HashMap::new(),
        };
        for layer in 0..medium.layers.len() {
            model.recolour(medium, layer, 0.0);
        }
        Ok(model)
    }

    /// Computes the light of a layer at a colouration from 0 to 1. Films that were physical when the
    /// model was made are so at any.
    pub(crate) fn recolour(&mut self, medium: &Medium, layer: usize, theta: f64) {
        let Ok(films) = electrochromic::films(medium, layer, theta) else { return };
        let Ok(optics) = films.optics() else { return };
        let cross = films.cross_track(self.aperture);
        let (surface, model) = (1.0 - self.surface, &mut self.layers[layer]);
        let light = seen(&optics, &cross, films.pitch, 0);
        model.reflectance = surface * surface * light.level;
        (model.land, model.push_pull) = (light.land, light.push_pull);
        model.transmittance = optics.l0_transmittance;
        let (absorbed, modulation) = model.coloured;
        model.absorption = optics.l0.groove.dye / absorbed;
        model.contrast = (cross.modulation(&optics.l0, electrochromic::MARK) / modulation).clamp(0.0, 1.0);
    }

    /// Light that passes the first layer, over that when it is blank, if a share
    /// `recorded` of its groove is marks.
    pub(crate) fn transmission(&self, recorded: f64) -> f64 {
        self.optics.as_ref().map_or(1.0, |o| o.l0_transmittance_recorded(recorded) / o.l0_transmittance)
    }

    /// Tracks of the first layer through which the light for the second passes, either way.
    pub(crate) fn tracks_in_cone(&self, medium: &Medium, aperture: f64) -> f64 {
        let sine = aperture / medium.bond.n;
        medium.bond.thickness.0 * sine / (1.0 - sine * sine).sqrt() / self.pitch
    }

    /// The edges of a strategy's marks at a speed of the track.
    pub(crate) fn table(&mut self, layer: usize, velocity: f64, strategy: &WriteStrategy) -> Arc<EdgeTable> {
        let strategy = Strategy::from(strategy);
        // The speed in mm/s: finer differences don't show.
        let speed = (velocity * 1e3).round() as u64;
        let (model, period) = (&self.layers[layer], self.period);
        let kernel = self.kernels.entry((layer, speed)).or_insert_with(|| {
            let (films, unit) = model.films.clone();
            let key = (films, unit, model.spot_radius, velocity, period);
            known_kernel(&key).unwrap_or_else(|| {
                let kernel = Arc::new(Kernel::new(model.response(), velocity, period));
                remember_kernel(key, &kernel);
                kernel
            })
        });
        let table =
            self.tables.entry((layer, speed, strategy)).or_insert_with(|| Arc::new(EdgeTable::new(kernel, &strategy)));
        Arc::clone(table)
    }

    /// A writer of marks with a strategy on a layer.
    pub(crate) fn writer(&mut self, layer: usize, velocity: f64, strategy: &WriteStrategy) -> Writer {
        Writer {
            table: self.table(layer, velocity, strategy),
            power: WritePower::from(strategy),
            threshold: self.layers[layer].threshold,
            layer,
            strategy: *strategy,
            lit: lit(&Strategy::from(strategy)),
            solved: HashMap::new(),
            last: [None, None],
        }
    }
}

/// What a kernel follows from: films, which of their units, spot radius, speed of the track and channel period.
type KernelKey = (DualLayer, usize, f64, f64, f64);

/// Kernels that this process keeps: both layers of some media, a few megabytes each.
const KERNELS: usize = 16;

/// The latest kernels of this process, oldest first: many benches with the same disc share what
/// takes a second or two to compute.
static LATEST: Mutex<Vec<(KernelKey, Arc<Kernel>)>> = Mutex::new(Vec::new());

fn known_kernel(key: &KernelKey) -> Option<Arc<Kernel>> {
    let latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    latest.iter().find(|(k, _)| k == key).map(|(_, kernel)| Arc::clone(kernel))
}

/// Not under one lock with the computation: its threads may come here themselves.
fn remember_kernel(key: KernelKey, kernel: &Arc<Kernel>) {
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if latest.len() >= KERNELS {
        latest.remove(0);
    }
    latest.push((key, Arc::clone(kernel)));
}

fn layer_model(
    films: &DualLayer,
    optics: &MediumOptics,
    cross: &CrossTrack,
    index: usize,
    decomposition: f64,
) -> Result<LayerModel, ModelError> {
    let light = seen(optics, cross, films.pitch, index);
    let write = dual_layer::writing_at(films, index, Place::Groove)?;
    Ok(LayerModel {
        reflectance: optics.seen(cross, index, 0.0),
        land: light.land,
        push_pull: light.push_pull,
        transmittance: optics.l0_transmittance,
        absorption: 1.0,
        contrast: 1.0,
        coloured: (1.0, 1.0),
        depths: light.depths,
        width_step: width_step(films.pitch),
        films: (films.clone(), index),
        write,
        spot_radius: cross.spot_radius,
        response: OnceLock::new(),
        threshold: decomposition - AMBIENT,
    })
}

/// Writes marks with one strategy: edges solved for powers near the set one.
#[derive(Debug)]
pub(crate) struct Writer {
    table: Arc<EdgeTable>,
    power: WritePower,
    threshold: f64,
    pub(crate) layer: usize,
    strategy: WriteStrategy,
    /// T/32 at peak power, by class of the space before, mark, class of the space after.
    lit: [[[u16; 3]; 16]; 3],
    solved: HashMap<i32, Arc<SolvedEdges>>,
    /// The last ones asked for: the power seldom changes.
    last: [Option<(i32, Arc<SolvedEdges>)>; 2],
}

impl Writer {
    /// Whether it writes on this layer with this strategy.
    pub(crate) fn serves(&self, layer: usize, strategy: &WriteStrategy) -> bool {
        self.layer == layer && self.strategy == *strategy
    }

    /// Time at peak power of a mark between two spaces, in channel bits.
    pub(crate) fn lit(&self, before: u8, mark: u8, after: u8) -> f64 {
        f64::from(self.lit[class(before)][usize::from(mark.min(15))][class(after)]) / f64::from(SLOTS)
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
            let power = WritePower { peak: self.power.peak * gain, bias: self.power.bias * gain };
            Arc::new(self.table.solve(power, self.threshold))
        });
        Arc::clone(solved)
    }
}

/// Time at peak power of every mark between every two classes of spaces, in T/32.
fn lit(strategy: &Strategy) -> [[[u16; 3]; 16]; 3] {
    // A run length of each class.
    let space = |class: usize| [3, 4, 5][class];
    core::array::from_fn(|before| {
        core::array::from_fn(|mark| {
            core::array::from_fn(|after| {
                let pulses = strategy.pulses(space(before), mark.max(3) as u8, space(after));
                pulses.spans().iter().map(|(start, end)| (end - start) as u16).sum()
            })
        })
    })
}
