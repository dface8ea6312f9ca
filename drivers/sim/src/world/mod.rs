//! The world of the simulated bench: one clock, one disc, one head.
//!
//! Time moves in steps of the servo ([`servo::STEP`]). Each step turns the disc,
//! moves lens and sled, closes what loops are closed, writes what a shot emits
//! and notes for an acquisition where the spot was; samples are synthesised from
//! these notes when they are read.
//!
//! The wobble of the grooves is in the samples only: it is far beyond what the servos follow (60
//! times the crossover of the tracking loop, on DVD-R), and a step takes most of its period.

mod acquisition;
mod cells;
mod condition;
mod crossing;
mod deviations;
mod focus;
pub(crate) mod geometry;
pub(crate) mod lasers;
mod radial;
pub(crate) mod servo;
mod writing;

use std::sync::Arc;

use disc_hal::hal::{AbortCause, Address, Error, ErrorKind, Microwatts, Part, Result};
use disc_hal::media::Medium;

use crate::APERTURE;
use crate::condition::Condition;
use crate::disc::{CELLS, LayerState};
use crate::model::{Model, ModelError, Writer};
use crate::noise::{Noise, Purpose, Stream};
use crate::readout::EdgeTable;
use crate::rig::Fired;
use condition::{Local, Terrain};
use focus::Focus;
use geometry::{Spiral, TrackPoint};
use lasers::Lasers;
use radial::Radial;
use servo::STEP;

pub(crate) use acquisition::{Capture, PASSING_FROM, detector_spec};
pub use cells::CellFault;
pub(crate) use cells::{Cells, supply_spec};
pub use crossing::{CrossingError, GrooveDisplacement, TrackCrossing, groove_displacement};
pub use deviations::Deviations;
pub(crate) use focus::focus_spec;
pub(crate) use radial::tracking_spec;
pub(crate) use servo::{Actuator, HALF_SWING, Loop, Runout, light, s_curve};

/// Lens position at which the first layer is in focus, in metres.
const FIRST_LAYER: f64 = 120e-6;

/// What is inside the tester and stays with the disc between commands.
#[derive(Debug)]
pub(crate) struct Disc {
    pub(crate) medium: Medium,
    pub(crate) seed: u64,
    /// Shots that have written on it: the place in the noise of edges.
    pub(crate) shots: u64,
    pub(crate) layers: Vec<LayerState>,
    /// What is wrong with it.
    pub(crate) condition: Condition,
}

impl Disc {
    /// A blank disc without a fault.
    pub(crate) fn blank(medium: Medium, seed: u64) -> Self {
        let layers = medium.layers.iter().map(|_| LayerState::default()).collect();
        Self { medium, seed, shots: 0, layers, condition: Condition::default() }
    }
}

/// Physics of planted defects: none by default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Broken {
    /// Milliwatts on the disc that nobody commanded.
    pub(crate) stray_light: f64,
    /// Steps for which a shot goes on when focus is lost.
    pub(crate) late_focus: u32,
    /// The same for tracking.
    pub(crate) late_tracking: u32,
}

/// Spindle and sled.
#[derive(Debug)]
pub(crate) struct Mechanics {
    /// Speed of the track asked for and reached, in m/s.
    pub(crate) wanted: f64,
    pub(crate) velocity: f64,
    /// Revolutions of the disc.
    pub(crate) turns: f64,
    /// Whether the index mark has just passed.
    pub(crate) index: bool,
    /// Where the sled is and goes, in metres.
    pub(crate) sled: f64,
    pub(crate) sled_target: Option<f64>,
}

impl Mechanics {
    /// Whether the disc turns as fast as it should.
    pub(crate) fn at_speed(&self) -> bool {
        self.wanted > 0.0 && (self.velocity / self.wanted - 1.0).abs() < 0.005
    }
}

/// Where the light is, and what comes back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spot {
    /// The layer nearest to focus, if any is.
    pub(crate) layer: Option<usize>,
    /// Metres out of focus on that layer.
    pub(crate) defocus: f64,
    /// Focus error and sum for unit power and unit reflectance.
    pub(crate) focus_error: f64,
    pub(crate) sum: f64,
    /// The part of the sum that comes from other surfaces.
    pub(crate) stray: f64,
    /// Push-pull for unit power, and its greatest value while tracks are crossed.
    pub(crate) push_pull: f64,
    pub(crate) push_pull_max: f64,
    /// Channel bits from sector 0 of the layer.
    pub(crate) bits: f64,
    /// Metres off the track centre.
    pub(crate) error: f64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disc: Disc,
    pub(crate) model: Model,
    pub(crate) noise: Noise,
    spirals: Vec<Spiral>,
    /// Time in steps, and picoseconds asked for but not yet lived through.
    steps: u64,
    owed: u64,
    pub(crate) mechanics: Mechanics,
    axial: Runout,
    /// Of each layer's tracks.
    eccentricity: [Runout; 2],
    /// The disc turns a little unevenly.
    flutter: Stream,
    flutter_now: f64,
    pub(crate) focus: Focus,
    pub(crate) radial: Radial,
    /// Those of an electrochromic disc.
    pub(crate) cells: Cells,
    pub(crate) lasers: Lasers,
    writer: Option<Writer>,
    /// Every shot that has made light.
    pub(crate) fired: Vec<Fired>,
    edge_noise: Option<Stream>,
    pending: writing::Pending,
    pub(crate) spot: Spot,
    pub(crate) capture: Option<Capture>,
    captures: u64,
    edge_table: Option<Arc<EdgeTable>>,
    /// What is broken in it on purpose.
    pub(crate) broken: Broken,
    /// Relative transmission of the first layer, and where it was last looked up.
    shade: (f64, u64),
    terrain: Terrain,
    /// What is wrong with the disc under the spot.
    local: Local,
}

/// A step in picoseconds.
const STEP_PS: u64 = 5_000_000;

impl World {
    pub(crate) fn new(disc: Disc) -> core::result::Result<Self, ModelError> {
        let model = Model::new(&disc.medium, APERTURE)?;
        let terrain = Terrain::new(&disc.condition, &disc.medium)?;
        let noise = Noise::new(disc.seed);
        let spirals = (0..disc.medium.layers.len()).map(|layer| Spiral::new(&disc.medium, layer)).collect();
        let (axial, eccentricity) = Deviations::default().runouts(noise);
        Ok(Self {
            model,
            noise,
            spirals,
            steps: 0,
            owed: 0,
            mechanics: Mechanics {
                wanted: 0.0,
                velocity: 0.0,
                turns: 0.0,
                index: false,
                sled: 24.0e-3,
                sled_target: None,
            },
            axial,
            eccentricity,
            flutter: noise.stream(Purpose::Mechanics, 1, disc.shots),
            flutter_now: 0.0,
            focus: Focus::new(),
            radial: Radial::new(noise.stream(Purpose::Mechanics, 2, disc.shots)),
            cells: Cells::new(&disc.medium),
            lasers: Lasers::new(),
            writer: None,
            fired: Vec::new(),
            edge_noise: None,
            pending: writing::Pending::default(),
            spot: Spot::default(),
            capture: None,
            captures: 0,
            edge_table: None,
            broken: Broken::default(),
            shade: (1.0, u64::MAX),
            terrain,
            local: Local::SOUND,
            disc,
        })
    }

    /// Computes what the first shot on each layer needs, at the medium's own speed.
    pub(crate) fn prepare(&mut self) {
        let velocity = f64::from(self.disc.medium.velocity.0) * 1e-6;
        for (index, layer) in self.disc.medium.layers.iter().enumerate() {
            let _kept = self.model.table(index, velocity, &layer.write.strategy);
        }
    }

    /// Lives through `ps` picoseconds.
    pub(crate) fn advance(&mut self, ps: u64) {
        self.owed += ps;
        while self.owed >= STEP_PS {
            self.owed -= STEP_PS;
            self.step();
        }
    }

    /// Time in picoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.steps * STEP_PS
    }

    /// Power on the disc now, in milliwatts.
    fn light(&self) -> f64 {
        f64::from(self.lasers.power.0) * 1e-3 + self.broken.stray_light
    }

    /// Lens position at which a layer is in focus on a flat disc.
    fn focus_of(&self, layer: usize) -> f64 {
        // The focus moves by n times the lens inside a body of index n.
        let bond = &self.disc.medium.bond;
        FIRST_LAYER + layer as f64 * bond.thickness.0 / bond.n
    }

    fn step(&mut self) {
        self.steps += 1;
        self.colour();
        self.turn();
        let before = self.spot;
        self.look();
        self.move_lens();
        self.move_sideways(before);
        if self.lasers.is_writing() || self.lasers.shots.iter().any(lasers::Shot::is_open) {
            self.write(before);
        }
        self.note(before);
    }

    /// Turns the disc.
    fn turn(&mut self) {
        let m = &mut self.mechanics;
        // A spindle motor reaches 1x in some tenths of a second.
        let change = (m.wanted - m.velocity).clamp(-15.0 * STEP, 15.0 * STEP);
        m.velocity += change;
        // Flutter: 0.02 % r.m.s. with a memory of a millisecond.
        let memory = (-STEP / 1e-3_f64).exp();
        if self.steps.is_multiple_of(20) {
            let kick = 2e-4 * (1.0 - memory.powi(40)).sqrt();
            self.flutter_now = self.flutter_now * memory.powi(20) + kick * f64::from(self.flutter.normal());
        }
        let turn = m.turns.floor();
        m.turns += m.velocity * (1.0 + self.flutter_now) * STEP / (2.0 * core::f64::consts::PI * m.sled);
        m.index = m.turns.floor() > turn;
        if let Some(target) = m.sled_target {
            // 0.3 m/s.
            let way = (target - m.sled).clamp(-0.3 * STEP, 0.3 * STEP);
            m.sled += way;
            if (target - m.sled).abs() < 1e-9 {
                m.sled_target = None;
            }
        }
    }

    /// What the spot sees.
    fn look(&mut self) {
        let runout = self.axial.at(self.mechanics.turns);
        let lens = self.focus.position() - runout;
        // The surface lies above the first layer by the cover.
        let cover = &self.disc.medium.cover;
        let surface = lens - (FIRST_LAYER - cover.thickness.0 / cover.n);
        let mut focus_error = self.model.surface * servo::s_curve(surface);
        let mut stray = self.model.surface * servo::light(surface);
        let mut nearest: Option<(usize, f64)> = None;
        for layer in 0..self.model.layers.len() {
            let u = lens - self.focus_of(layer);
            if nearest.is_none_or(|(_, best)| u.abs() < best.abs()) {
                nearest = Some((layer, u));
            }
        }
        let nearest = nearest.filter(|(_, u)| u.abs() < 3.0 * servo::HALF_SWING);
        let place = |(layer, _)| self.terrain.at(layer, self.radius(layer), self.mechanics.turns);
        self.local = nearest.map_or(Local::SOUND, place);
        // All that lies behind is seen through the same shadow.
        let back = self.local.back();
        let mut spot = Spot::default();
        for (layer, model) in self.model.layers.iter().enumerate() {
            let u = lens - self.focus_of(layer);
            let shade = self.through(layer).powi(2);
            let reflectance = model.reflectance * shade * back;
            focus_error += reflectance * servo::s_curve(u);
            if nearest.is_none_or(|(seen, _)| seen != layer) {
                stray += reflectance * servo::light(u);
            }
        }
        spot.stray = stray;
        spot.sum = stray;
        spot.focus_error = focus_error;
        if let Some((layer, u)) = nearest {
            let radius = self.radius(layer);
            let TrackPoint { bits, error, turn } = self.spirals[layer].nearest(radius, self.mechanics.turns);
            let model = &self.model.layers[layer];
            let phase = 2.0 * core::f64::consts::PI * error / self.pitch();
            let grooves = if layer == 0 { 1.0 } else { self.groove_shadow() };
            let shade = self.through(layer).powi(2);
            let crossing = 1.0 + (model.land - 1.0) * 0.5 * (1.0 - phase.cos());
            let sharp = servo::sharpness(u);
            spot.layer = Some(layer);
            spot.defocus = u;
            spot.bits = bits;
            spot.error = error;
            let seen = model.reflectance * shade * grooves;
            let own = seen * servo::light(u) * (back * self.local.dye.reflectance);
            spot.sum += own * (1.0 + (crossing - 1.0) * sharp);
            spot.push_pull_max = own * model.push_pull * sharp;
            spot.push_pull = spot.push_pull_max * phase.sin();
            self.radial.turn = turn;
        }
        self.spot = spot;
        self.look_through();
    }

    /// Light of the second layer as the grooves of the first in its way let it pass, over the mean:
    /// nearly all of their pattern is averaged in the cone.
    fn groove_shadow(&self) -> f64 {
        if self.model.groove_shadow == 0.0 {
            return 1.0;
        }
        let TrackPoint { error, .. } = self.spirals[0].nearest(self.radius(0), self.mechanics.turns);
        1.0 + self.model.groove_shadow * (core::f64::consts::TAU * error / self.pitch()).cos()
    }

    /// Radius of the spot in the frame of a layer's tracks.
    fn radius(&self, layer: usize) -> f64 {
        // Layers beyond the second are made on it, and swing with it.
        let eccentricity = &self.eccentricity[layer.min(1)];
        self.mechanics.sled + self.radial.actuator.x - eccentricity.at(self.mechanics.turns)
    }

    fn pitch(&self) -> f64 {
        f64::from(self.disc.medium.track_pitch.0) * 1e-9
    }

    /// How much of the first layer, where the light for the second passes, is
    /// recorded; looked up again when the spot has moved on by some tracks.
    fn look_through(&mut self) {
        // Bleached layers are clear, whatever is recorded on them.
        let Some(layer @ 1..) = self.spot.layer.filter(|_| self.cells.colouration(0).is_none()) else { return };
        // Another shot may have changed what is there.
        let place = (self.disc.shots << 32) + (self.spot.bits / 4e6) as u64;
        if self.shade.1 == place {
            return;
        }
        let Some(radius) = self.spirals[layer].radius(self.spot.bits) else { return };
        let half = self.model.tracks_in_cone(&self.disc.medium, APERTURE) * self.pitch();
        let at = |r: f64| self.spirals[0].on_turn(r, 0.0, ((r - 24e-3) / self.pitch()).round()).bits.max(0.0);
        let (start, end) = ((at(radius - half) * CELLS) as u64, (at(radius + half) * CELLS) as u64);
        // Marks take half of a recorded track.
        let recorded = 0.5 * self.disc.layers[0].coverage(start, end);
        self.shade = (self.model.transmission(recorded), place);
    }

    /// Light on the disc changes the servo signals: their scale in counts.
    pub(crate) fn counts(&self) -> f64 {
        f64::from(acquisition::REFERENCE) * self.light()
    }

    /// The address under the spot, while it can be read.
    pub(crate) fn address(&self) -> Option<Address> {
        let readable = self.focus.is_locked()
            && self.radial.is_closed()
            && self.spot.error.abs() < 0.2 * self.pitch()
            && self.light() > 0.05
            && self.mechanics.velocity > 0.5;
        self.spot.layer.filter(|_| readable)?;
        Spiral::address_at(self.spot.bits)
    }

    /// Whether a shot may be armed.
    pub(crate) fn ready_to_write(&self) -> Result<()> {
        let error = |kind| Err(Error::new(Part::Laser, kind));
        if !self.focus.is_locked() {
            return error(ErrorKind::FocusLost);
        }
        if !self.radial.is_locked() {
            return error(ErrorKind::TrackingLost);
        }
        if !self.mechanics.at_speed() {
            return error(ErrorKind::WrongState);
        }
        Ok(())
    }

    /// Ends every shot and goes dark.
    pub(crate) fn trip(&mut self, cause: AbortCause) {
        if self.lasers.is_writing() {
            self.lasers.trip(cause);
            self.flush();
        }
    }

    /// Dark, and whatever was written is on the disc.
    pub(crate) fn off(&mut self) {
        self.lasers.off();
        self.flush();
    }

    /// Constant power of the source.
    pub(crate) fn power(&self) -> Microwatts {
        self.lasers.power
    }

    /// Radius of a place, if the layer has it.
    fn radius_of(&self, layer: usize, bits: f64) -> Option<f64> {
        self.spirals.get(layer)?.radius(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disc::Chunk;

    #[test]
    fn a_recorded_first_layer_dims_the_second() {
        let medium = Medium::load("dual-layer").unwrap();
        let mut world = World::new(Disc::blank(medium, 1)).unwrap();
        // The second layer over the first's sector 100000h.
        let over = |address: u32| Spiral::start_of(Address(0xFF_FFFF - address));
        world.spot = Spot { layer: Some(1), bits: over(0x10_0000), ..Spot::default() };
        world.look_through();
        assert_eq!(world.shade.0, 1.0, "a blank first layer");
        // Forty turns of it, of which the light passes about sixty.
        let radius = world.spirals[1].radius(world.spot.bits).unwrap();
        let turn = 2.0 * core::f64::consts::PI * radius / world.model.bit;
        let middle = Spiral::start_of(Address(0x10_0000));
        let (start, length) = ((middle - 20.0 * turn) * CELLS, 40.0 * turn * CELLS);
        let pieces = 1000u64;
        for i in 0..pieces {
            let length = (length / pieces as f64) as u32;
            let start = start as u64 + i * u64::from(length);
            world.disc.layers[0].add(Chunk { start, length, marks: Vec::new() });
        }
        world.disc.shots += 1;
        world.look_through();
        let cone = 2.0 * world.model.tracks_in_cone(&world.disc.medium, APERTURE);
        let expected = world.model.transmission(0.5 * 40.0 / cone);
        assert!((world.shade.0 - expected).abs() < 2e-4, "{} instead of {expected}", world.shade.0);
        assert!((0.97..0.999).contains(&world.shade.0));
    }
}
