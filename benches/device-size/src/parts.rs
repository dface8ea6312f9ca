//! Parts that do nothing.

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Chunk, DetectorSpec, Electrode, ElectrodeReading, ElectrodeSupply, FocusCapture,
    FocusServo, FocusSpec, FocusStatus, LaserArray, LaserArraySpec, LaserStatus, MicrometresPerSecond, Microwatts,
    Millivolts, MillivoltsPerSecond, Nanometres, Outcome, Photodetector, Polarity, Result, ShotId, ShotPlan, Source,
    Spindle, SpindleSpec, SpindleStatus, SupplySpec, TrackingMethod, TrackingServo, TrackingSpec, TrackingStatus,
    WriteStrategy,
};
use embedded_hal::delay::DelayNs;

#[derive(Default)]
pub struct Lasers(LaserArraySpec);
#[derive(Default)]
pub struct Focus(FocusSpec);
#[derive(Default)]
pub struct Tracking(TrackingSpec);
#[derive(Default)]
pub struct Detector(DetectorSpec);
#[derive(Default)]
pub struct Motor(SpindleSpec);
#[derive(Default)]
pub struct Supply(SupplySpec);
pub struct Delay;

pub struct Parts {
    pub lasers: Lasers,
    pub focus: Focus,
    pub tracking: Tracking,
    pub detector: Detector,
    pub spindle: Motor,
    pub supply: Supply,
    pub delay: Delay,
}

impl Parts {
    pub fn new() -> Self {
        Self {
            lasers: Lasers::default(),
            focus: Focus::default(),
            tracking: Tracking::default(),
            detector: Detector::default(),
            spindle: Motor::default(),
            supply: Supply::default(),
            delay: Delay,
        }
    }
}

impl LaserArray for Lasers {
    fn spec(&self) -> &LaserArraySpec {
        &self.0
    }
    fn set_power(&mut self, _: Source, power: Microwatts) -> Result<Microwatts> {
        Ok(power)
    }
    fn monitor(&mut self, _: Source) -> Result<Microwatts> {
        Ok(Microwatts(0))
    }
    fn load(&mut self, _: Source, _: &WriteStrategy) -> Result<()> {
        Ok(())
    }
    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        Ok(ShotId(plan.length))
    }
    fn feed(&mut self, _: ShotId, _: Source, runs: &[u8]) -> Result<usize> {
        Ok(runs.len())
    }
    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        Ok(ArmToken::new(shot, 0, 0))
    }
    fn fire(&mut self, _: ArmToken) -> Result<()> {
        Ok(())
    }
    fn outcome(&mut self, _: ShotId) -> Result<Outcome> {
        Ok(Outcome::Done)
    }
    fn status(&mut self) -> Result<LaserStatus> {
        Ok(LaserStatus::empty())
    }
    fn clear_trip(&mut self) -> Result<()> {
        Ok(())
    }
    fn off(&mut self) -> Result<()> {
        Ok(())
    }
}

impl FocusServo for Focus {
    fn spec(&self) -> &FocusSpec {
        &self.0
    }
    fn sweep(&mut self, _: Nanometres, _: Nanometres, _: MicrometresPerSecond) -> Result<()> {
        Ok(())
    }
    fn engage(&mut self, _: Source, _: &FocusCapture) -> Result<()> {
        Ok(())
    }
    fn release(&mut self) -> Result<()> {
        Ok(())
    }
    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        Ok(offset)
    }
    fn jump(&mut self, _: i8) -> Result<()> {
        Ok(())
    }
    fn status(&mut self) -> Result<FocusStatus> {
        Ok(FocusStatus::default())
    }
}

impl TrackingServo for Tracking {
    fn spec(&self) -> &TrackingSpec {
        &self.0
    }
    fn engage(&mut self, _: Source, _: TrackingMethod, _: Polarity) -> Result<()> {
        Ok(())
    }
    fn release(&mut self) -> Result<()> {
        Ok(())
    }
    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        Ok(offset)
    }
    fn jump(&mut self, _: i32) -> Result<()> {
        Ok(())
    }
    fn seek(&mut self, _: Address) -> Result<()> {
        Ok(())
    }
    fn address(&mut self) -> Result<Option<Address>> {
        Ok(None)
    }
    fn status(&mut self) -> Result<TrackingStatus> {
        Ok(TrackingStatus::default())
    }
}

impl Photodetector for Detector {
    fn spec(&self) -> &DetectorSpec {
        &self.0
    }
    fn arm(&mut self, _: &Acquisition) -> Result<()> {
        Ok(())
    }
    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        Ok(Chunk { length: samples.len(), ..Chunk::default() })
    }
    fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Spindle for Motor {
    fn spec(&self) -> &SpindleSpec {
        &self.0
    }
    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        Ok(velocity)
    }
    fn move_to(&mut self, _: Nanometres) -> Result<()> {
        Ok(())
    }
    fn status(&mut self) -> Result<SpindleStatus> {
        Ok(SpindleStatus::default())
    }
}

impl ElectrodeSupply for Supply {
    fn spec(&self) -> &SupplySpec {
        &self.0
    }
    fn set(&mut self, _: Electrode, voltage: Millivolts, _: MillivoltsPerSecond) -> Result<Millivolts> {
        Ok(voltage)
    }
    fn measure(&mut self, _: Electrode) -> Result<ElectrodeReading> {
        Ok(ElectrodeReading::default())
    }
    fn make_safe(&mut self) -> Result<()> {
        Ok(())
    }
}

impl DelayNs for Delay {
    fn delay_ns(&mut self, _: u32) {}
}
