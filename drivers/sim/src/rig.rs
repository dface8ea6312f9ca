//! The simulated bench as an opened tester.

use std::io;
use std::path::{Path, PathBuf};

use disc_hal::hal::{Bench, Identity, Name, OffHandle, Rig, ShotId};
use disc_hal::media::Medium;

use crate::condition::{Condition, ConditionError};
use crate::defects::{Defect, DefectiveRig};
use crate::disc_file::{self, DiscFileError};
use crate::model::ModelError;
use crate::parts::{self, Shared, SimDelay, SimDetector, SimElectrodes, SimFocus, SimLasers, SimSpindle, SimTracking};
use crate::world::{self, CellFault, Deviations, Disc, World};

/// Why a simulated bench can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The disc file can't be used.
    #[error(transparent)]
    File(#[from] DiscFileError),
    /// What is wrong with the disc makes no sense.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The medium can't be simulated.
    #[error("the medium `{medium}` can't be used: {source}")]
    Medium {
        /// Its name.
        medium: String,
        /// Why.
        source: ModelError,
    },
}

/// What is written where, as the disc file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Layer.
    pub layer: usize,
    /// First sector touched.
    pub first: u32,
    /// Last sector touched.
    pub last: u32,
}

/// A shot that has begun to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// Which one.
    pub shot: ShotId,
    /// Layer.
    pub layer: usize,
    /// Where it began, in channel bits from sector 0 of the layer.
    pub start: u64,
    /// How far it has come since, in channel bits.
    pub bits: u64,
}

/// A simulated tester with a disc in it.
///
/// ```
/// use disc_hal::hal::Rig;
/// use disc_hal::media::Medium;
/// use disc_hal_sim::SimRig;
///
/// let mut rig = SimRig::blank(Medium::load("dual-layer")?, 1)?;
/// assert!(rig.bench().electrodes.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SimRig {
    identity: Identity,
    world: Shared,
    lasers: SimLasers,
    focus: SimFocus,
    tracking: SimTracking,
    detector: SimDetector,
    spindle: SimSpindle,
    /// For a disc whose layers are chosen by electrodes.
    electrodes: Option<SimElectrodes>,
    delay: SimDelay,
    path: Option<PathBuf>,
    /// Shots on the disc as its file has it.
    stored: u64,
}

impl SimRig {
    /// A tester with a blank disc that lives in memory only. `seed` is the root
    /// of all of its noise.
    ///
    /// # Errors
    /// [`SimError::Medium`] if the medium can't be simulated.
    pub fn blank(medium: Medium, seed: u64) -> Result<Self, SimError> {
        Self::with_disc(Disc::blank(medium, seed), None)
    }

    /// A tester with a blank disc that will be stored at `path` when the rig is closed.
    ///
    /// # Errors
    /// [`SimError::File`] if there is something at `path` already or nothing can
    /// be written there, [`SimError::Medium`] if the medium can't be simulated.
    pub fn create(path: &Path, medium: Medium, seed: u64) -> Result<Self, SimError> {
        let mut rig = Self::with_disc(Disc::blank(medium, seed), None)?;
        rig.store_at(path)?;
        Ok(rig)
    }

    /// As [`blank`](Self::blank), with something wrong with the disc.
    ///
    /// # Errors
    /// [`SimError::Medium`] and [`SimError::Condition`].
    pub fn blank_with(medium: Medium, seed: u64, condition: Condition) -> Result<Self, SimError> {
        let what = |what| ConditionError::Value { name: "of the disc".into(), what };
        condition.check().map_err(what)?;
        Self::with_disc(Disc { condition, ..Disc::blank(medium, seed) }, None)
    }

    /// As [`create`](Self::create), with something wrong with the disc, which stays in
    /// its file.
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`SimError::Condition`].
    pub fn create_with(path: &Path, medium: Medium, seed: u64, condition: Condition) -> Result<Self, SimError> {
        let mut rig = Self::blank_with(medium, seed, condition)?;
        rig.store_at(path)?;
        Ok(rig)
    }

    /// A tester with the disc of a disc file.
    ///
    /// # Errors
    /// [`SimError::File`] for a file that can't be read, is damaged, or comes
    /// from a newer version.
    pub fn open(path: &Path) -> Result<Self, SimError> {
        Self::with_disc(disc_file::load(path)?, Some(path.into()))
    }

    fn with_disc(disc: Disc, path: Option<PathBuf>) -> Result<Self, SimError> {
        let (name, seed) = (disc.medium.name.clone(), disc.seed);
        let stored = disc.shots;
        let supply = world::supply_spec(&disc.medium);
        let world = World::new(disc).map_err(|source| SimError::Medium { medium: name, source })?;
        let world = Shared::new(world);
        let (lasers, focus, tracking, detector, spindle) = parts::specs();
        Ok(Self {
            identity: Identity {
                vendor: Name::new("disc-hal"),
                model: Name::new("simulated bench"),
                serial: Name::new(&format!("SIM-{seed:016X}")),
                firmware: Name::new(env!("CARGO_PKG_VERSION")),
            },
            lasers: SimLasers { world: world.clone(), spec: lasers, readings: 0 },
            focus: SimFocus { world: world.clone(), spec: focus },
            tracking: SimTracking { world: world.clone(), spec: tracking },
            detector: SimDetector { world: world.clone(), spec: detector },
            spindle: SimSpindle { world: world.clone(), spec: spindle },
            electrodes: supply.map(|spec| SimElectrodes { world: world.clone(), spec }),
            delay: SimDelay { world: world.clone() },
            world,
            path,
            stored,
        })
    }

    /// The same tester with something wrong with it: for proving that checks
    /// find it.
    pub fn with_defect(self, defect: Defect) -> DefectiveRig {
        DefectiveRig::new(self, defect)
    }

    /// The same tester with its disc put on the spindle in another way, until it is closed: a
    /// disc file doesn't keep it.
    #[must_use]
    pub fn with_deviations(self, deviations: &Deviations) -> Self {
        self.world.lock().deviate(deviations);
        self
    }

    /// Computes the heat of every layer now, a second or two of work each, which otherwise the first shot on it
    /// waits for: for benches that have to answer in time while they write.
    pub fn prepare(&self) {
        self.world.lock().prepare();
    }

    /// The same tester with something wrong between an output of its supply and the cell of that
    /// layer.
    #[must_use]
    pub fn with_cell_fault(self, layer: usize, fault: CellFault) -> Self {
        self.world.lock().cells.spoil(layer, fault);
        self
    }

    /// Tells whether every electrode is in its declared safe state, wherever the rig goes: what a
    /// voltmeter would see, not what the bench says of itself.
    pub fn electrodes_safe(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let world = self.world.clone();
        move || world.lock().cells.are_safe()
    }

    /// Colouration of a layer from 0 to 1, as a microscope would see it; `None` where nothing colours.
    pub fn colouration(&self, layer: usize) -> Option<f64> {
        self.world.lock().cells.colouration(layer)
    }

    pub(crate) fn world(&self) -> &Shared {
        &self.world
    }

    /// The medium of the disc inside.
    pub fn medium(&self) -> Medium {
        self.world.lock().disc.medium.clone()
    }

    /// What is wrong with the disc inside.
    pub fn condition(&self) -> Condition {
        self.world.lock().disc.condition.clone()
    }

    /// The root of its noise.
    pub fn seed(&self) -> u64 {
        self.world.lock().disc.seed
    }

    /// Where the disc is stored.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What is written on the disc: what a microscope would see, not what a bench can.
    pub fn written(&self) -> Vec<Written> {
        let world = self.world.lock();
        let cells = 38_688 * 256;
        let sector = |cell: u64| u32::try_from(cell / cells).unwrap_or(u32::MAX);
        world
            .disc
            .layers
            .iter()
            .enumerate()
            .flat_map(|(layer, state)| {
                state.stretches().into_iter().map(move |s| Written {
                    layer,
                    first: sector(s.start),
                    last: sector(s.end.saturating_sub(1)),
                })
            })
            .collect()
    }

    /// Stores the disc at another place from now on, where there must be nothing
    /// yet: for when it can't be stored where it came from.
    ///
    /// # Errors
    /// As [`create`](Self::create); the place stays as it was then.
    pub fn store_at(&mut self, path: &Path) -> Result<(), SimError> {
        let mut world = self.world.lock();
        world.off();
        disc_file::create(&world.disc, path)?;
        self.stored = world.disc.shots;
        drop(world);
        self.path = Some(path.into());
        Ok(())
    }

    /// Time of the simulated world, in picoseconds.
    pub fn now(&self) -> u64 {
        self.world.lock().now()
    }

    /// A clock that shows [`now`](Self::now) in microseconds, wherever the rig goes.
    pub fn clock(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let world = self.world.clone();
        move || world.lock().now() / 1_000_000
    }

    /// Tells every shot that has begun to write since the rig was opened, in order and
    /// wherever the rig goes: what a camera beside the disc would see, not what the
    /// bench says of itself.
    pub fn fired(&self) -> impl Fn() -> Vec<Fired> + Send + Sync + 'static {
        let world = self.world.clone();
        move || world.lock().fired.clone()
    }

    /// Stores the disc if it has changed: whoever only reads must not put an old
    /// state in place of what somebody else recorded meanwhile.
    fn save(&mut self) -> Result<(), DiscFileError> {
        let mut world = self.world.lock();
        world.off();
        if let Some(path) = &self.path
            && world.disc.shots != self.stored
        {
            disc_file::save(&world.disc, path)?;
            self.stored = world.disc.shots;
        }
        Ok(())
    }
}

impl Rig for SimRig {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn bench(&mut self) -> Bench<'_> {
        let bench = Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.delay,
        );
        match &mut self.electrodes {
            Some(electrodes) => bench.with_electrodes(electrodes),
            None => bench,
        }
    }

    fn off_handle(&self) -> OffHandle {
        let world = self.world.clone();
        OffHandle::new(move || {
            let mut world = world.lock();
            world.off();
            world.cells.make_safe();
        })
    }

    fn close(&mut self) -> io::Result<()> {
        self.save().map_err(|e| match e {
            DiscFileError::Io { ref source, .. } => io::Error::new(source.kind(), e),
            e => io::Error::other(e),
        })
    }
}

impl Drop for SimRig {
    fn drop(&mut self) {
        // Made safe in any case; the disc is stored by `close`, which can report.
        let mut world = self.world.lock();
        world.off();
        world.cells.make_safe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disc::CELLS;
    use disc_hal::hal::{Hertz, Nanojoules, ShotClock, ShotPlan, Source, Trigger};
    use disc_hal::record::{Options, Session, Silent};

    #[test]
    fn edges_scatter_as_much_as_those_of_a_real_disc() {
        let medium = Medium::load("dual-layer").unwrap();
        for layer in 0..2 {
            let mut rig = SimRig::blank(medium.clone(), 6).unwrap();
            let mut silent = Silent;
            let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
            session.go_to_layer(layer).unwrap();
            let bench = session.bench();
            bench.lasers.load(Source(0), &medium.layers[layer].write.strategy).unwrap();
            let clock = ShotClock::Groove(Hertz(medium.channel_clock.0));
            let plan = ShotPlan::single(Source(0), Trigger::Now, clock, 50_000, Nanojoules(1_000_000_000));
            let shot = bench.lasers.begin(&plan).unwrap();
            bench.lasers.feed(shot, Source(0), &[5; 10_000]).unwrap();
            let token = bench.lasers.arm(shot).unwrap();
            bench.lasers.fire(token).unwrap();
            bench.delay.delay_ms(5);
            drop(session);
            let (mut starts, mut ends) = (Vec::new(), Vec::new());
            rig.world.lock().disc.layers[layer].marks_in(0, u64::MAX, |a, b, _| {
                // One mark each 10 T.
                let grid = starts.len() as f64 * 10.0;
                starts.push(a as f64 / CELLS - grid);
                ends.push(b as f64 / CELLS - grid);
            });
            assert_eq!(starts.len(), 5_000);
            for edges in [starts, ends] {
                // Past the first marks, whose neighbours differ.
                let edges = &edges[10..4_990];
                // Counted from the first one: places are large numbers.
                let edges: Vec<f64> = edges.iter().map(|e| e - edges[0]).collect();
                let mean = edges.iter().sum::<f64>() / edges.len() as f64;
                let sigma = (edges.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / edges.len() as f64).sqrt();
                // Facts 4: the medium's share of a DVD's jitter is 3-4 % of T, grain included.
                assert!((0.013..0.03).contains(&sigma), "layer {layer}: {sigma}");
            }
        }
    }
}
