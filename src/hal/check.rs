//! The rules of the contract that need nothing but a spec, for drivers: what has to
//! be refused whatever the bench is doing.

use super::detector::{Acquisition, DetectorSpec};
use super::electrode::{Electrode, SupplySpec};
use super::error::{Error, ErrorKind, Part, Result};
use super::focus::{FocusCapture, FocusSpec};
use super::laser::{LaserArraySpec, Source, SourceSpec};
use super::spindle::SpindleSpec;
use super::strategy::WriteStrategy;
use super::tracking::{TrackingMethod, TrackingSpec};
use super::units::{Hertz, MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanometres};

/// `Ok` if `kept`, or else an error of `part` that changed nothing.
const fn ensure(kept: bool, part: Part, kind: ErrorKind) -> Result<()> {
    if kept { Ok(()) } else { Err(Error::new(part, kind)) }
}

/// The whole number of steps nearest to `value`, halves away from zero, and not
/// beyond `most` either way. Within the range of the units no sum overflows.
const fn nearest(value: i64, step: i64, most: i64) -> i64 {
    if step <= 0 {
        return value;
    }
    let up = (value.abs() + step / 2) / step * step;
    let size = if up > most { up - step } else { up };
    if value < 0 { -size } else { size }
}

impl SourceSpec {
    /// The power nearest to `power` that the source can be set to. It isn't beyond
    /// `read_max`, or beyond `write_max`, unless `power` is.
    pub fn nearest(&self, power: Microwatts) -> Microwatts {
        let most = if power <= self.read_max { self.read_max } else { self.write_max };
        let found = nearest(power.0.into(), self.step.0.into(), most.0.into());
        Microwatts(u32::try_from(found).unwrap_or(power.0))
    }

    /// Whether a strategy may be loaded.
    ///
    /// # Errors
    /// Those of [`LaserArray::load`](super::LaserArray::load).
    pub fn check_strategy(&self, strategy: &WriteStrategy) -> Result<()> {
        let fits = strategy.peak <= self.write_max && strategy.bias <= self.read_max;
        ensure(fits, Part::Laser, ErrorKind::OutOfRange)?;
        let pulses = strategy.peak > strategy.bias && !strategy.top.contains(&0);
        ensure(pulses, Part::Laser, ErrorKind::InvalidArgument)
    }
}

impl LaserArraySpec {
    /// The spec of a source; `part` is who asks.
    ///
    /// # Errors
    /// `InvalidArgument` if there is no such source.
    pub fn source(&self, source: Source, part: Part) -> Result<&SourceSpec> {
        self.sources.get(usize::from(source.0)).ok_or(Error::new(part, ErrorKind::InvalidArgument))
    }
}

impl FocusSpec {
    /// Whether the lens may move so.
    ///
    /// # Errors
    /// `OutOfRange` beyond the travel or the speed, and for a speed of 0.
    pub fn check_sweep(&self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        let travel = self.travel_min..=self.travel_max;
        let moves = speed > MicrometresPerSecond::ZERO && speed <= self.sweep_max;
        ensure(moves && travel.contains(&from) && travel.contains(&to), Part::Focus, ErrorKind::OutOfRange)
    }

    /// Whether the loop may be closed so.
    ///
    /// # Errors
    /// Those of [`FocusServo::engage`](super::FocusServo::engage).
    pub fn check_capture(&self, capture: &FocusCapture) -> Result<()> {
        self.check_sweep(capture.start, capture.end, capture.speed)?;
        let finds = capture.threshold > 0 && capture.start != capture.end;
        ensure(finds, Part::Focus, ErrorKind::InvalidArgument)
    }

    /// The offset nearest to `offset` that the servo can be set to.
    ///
    /// # Errors
    /// `OutOfRange` beyond `offset_max`.
    pub fn check_offset(&self, offset: Nanometres) -> Result<Nanometres> {
        offset_within(offset, self.offset_max, self.offset_step, Part::Focus)
    }

    /// Whether one jump can pass so many layers.
    ///
    /// # Errors
    /// `NotSupported` for 0 and beyond `jump_max`.
    pub fn check_jump(&self, layers: i8) -> Result<()> {
        let there = layers != 0 && layers.unsigned_abs() <= self.jump_max;
        ensure(there, Part::Focus, ErrorKind::NotSupported)
    }
}

fn offset_within(offset: Nanometres, most: Nanometres, step: Nanometres, part: Part) -> Result<Nanometres> {
    ensure(i64::from(offset.0).abs() <= i64::from(most.0), part, ErrorKind::OutOfRange)?;
    let found = nearest(offset.0.into(), step.0.into(), most.0.into());
    Ok(Nanometres(i32::try_from(found).unwrap_or(offset.0)))
}

impl TrackingSpec {
    /// Whether the servo tracks by this method.
    ///
    /// # Errors
    /// `NotSupported` for one that the spec hasn't.
    pub fn check_method(&self, method: TrackingMethod) -> Result<()> {
        let there = match method {
            TrackingMethod::PushPull => self.push_pull,
            TrackingMethod::DifferentialPushPull => self.differential_push_pull,
            TrackingMethod::DifferentialPhase => self.differential_phase,
        };
        ensure(there, Part::Tracking, ErrorKind::NotSupported)
    }

    /// The offset nearest to `offset` that the servo can be set to.
    ///
    /// # Errors
    /// `OutOfRange` beyond `offset_max`.
    pub fn check_offset(&self, offset: Nanometres) -> Result<Nanometres> {
        offset_within(offset, self.offset_max, self.offset_step, Part::Tracking)
    }

    /// Whether one jump can pass so many tracks.
    ///
    /// # Errors
    /// `OutOfRange` beyond `jump_max`.
    pub fn check_jump(&self, tracks: i32) -> Result<()> {
        ensure(tracks.unsigned_abs() <= self.jump_max, Part::Tracking, ErrorKind::OutOfRange)
    }
}

impl DetectorSpec {
    /// Whether this can be digitised.
    ///
    /// # Errors
    /// Those of [`Photodetector::arm`](super::Photodetector::arm).
    pub fn check(&self, acquisition: &Acquisition) -> Result<()> {
        let Acquisition { channels, rate, length, .. } = *acquisition;
        let sense = !channels.is_empty() && rate > Hertz::ZERO && length > 0;
        ensure(sense, Part::Detector, ErrorKind::InvalidArgument)?;
        let fits = (0..u16::BITS as usize).filter(|i| channels.bits() >> i & 1 == 1);
        let fits = fits.map(|i| self.channels.get(i)).all(|c| c.is_some_and(|c| rate <= c.rate_max));
        ensure(fits, Part::Detector, ErrorKind::OutOfRange)
    }
}

impl SpindleSpec {
    /// Whether the disc may turn so fast; zero stops it.
    ///
    /// # Errors
    /// `OutOfRange` beyond a limit.
    pub fn check_velocity(&self, velocity: MicrometresPerSecond) -> Result<()> {
        let stop = velocity == MicrometresPerSecond::ZERO;
        let fits = (self.velocity_min..=self.velocity_max).contains(&velocity);
        ensure(stop || fits, Part::Spindle, ErrorKind::OutOfRange)
    }

    /// Whether the sled may go there.
    ///
    /// # Errors
    /// `OutOfRange` beyond a limit.
    pub fn check_radius(&self, radius: Nanometres) -> Result<()> {
        ensure((self.radius_min..=self.radius_max).contains(&radius), Part::Spindle, ErrorKind::OutOfRange)
    }
}

impl SupplySpec {
    /// The voltage nearest to `voltage` that the electrode can be set to.
    ///
    /// # Errors
    /// `InvalidArgument` if there is no such electrode; `OutOfRange` beyond its voltages
    /// or its rate, and for a rate of 0 unless it declares none.
    pub fn check(&self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        let error = |kind| Error::new(Part::Electrode, kind);
        let spec = self.electrodes.get(usize::from(electrode.0)).ok_or(error(ErrorKind::InvalidArgument))?;
        let moves = slew <= spec.slew_max && (slew > MillivoltsPerSecond::ZERO || spec.slew_max == slew);
        let within = (spec.min..=spec.max).contains(&voltage);
        ensure(moves && within, Part::Electrode, ErrorKind::OutOfRange)?;
        let most = if voltage < Millivolts::ZERO { -i64::from(spec.min.0) } else { spec.max.0.into() };
        let found = nearest(voltage.0.into(), spec.step.0.into(), most);
        // Where 0 V isn't within the limits, the nearest step may not be either.
        let found = i32::try_from(found).map(Millivolts).ok().filter(|v| (spec.min..=spec.max).contains(v));
        Ok(found.unwrap_or(voltage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hal::{ChannelSpec, Channels, ElectrodeSpec, Few, Trigger};

    fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|e| e.kind)
    }

    #[test]
    fn settings_go_to_the_nearest_step_within_the_limits() {
        let (read_max, write_max, step) = (Microwatts(1_005), Microwatts(2_000), Microwatts(10));
        let source = SourceSpec { read_max, write_max, step, ..SourceSpec::default() };
        let powers = [0, 4, 5, 15, 994, 1_004, 1_005, 1_006, 1_999].map(|p| source.nearest(Microwatts(p)).0);
        assert_eq!(powers, [0, 0, 10, 20, 990, 1_000, 1_000, 1_010, 2_000]);
        let servo = TrackingSpec {
            offset_max: Nanometres(147),
            offset_step: Nanometres(10),
            jump_max: 500,
            ..TrackingSpec::default()
        };
        let offsets = [-147, -14, 0, 15, 147].map(|o| servo.check_offset(Nanometres(o)).map(|o| o.0));
        assert_eq!(offsets, [Ok(-140), Ok(-10), Ok(0), Ok(20), Ok(140)]);
        for beyond in [148, -148, i32::MAX, i32::MIN] {
            assert_eq!(kind(servo.check_offset(Nanometres(beyond))), Some(ErrorKind::OutOfRange));
        }
        assert_eq!(kind(servo.check_jump(-500)), None);
        assert_eq!(kind(servo.check_jump(i32::MIN)), Some(ErrorKind::OutOfRange));
        assert_eq!(kind(servo.check_method(TrackingMethod::PushPull)), Some(ErrorKind::NotSupported));
    }

    #[test]
    fn strategies_have_pulses_within_the_powers() {
        let source = SourceSpec { read_max: Microwatts(1_000), write_max: Microwatts(20_000), ..SourceSpec::default() };
        let (peak, bias) = (Microwatts(20_000), Microwatts(1_000));
        let (lead, trail) = ([[32; 3]; 3], [[-32; 3]; 3]);
        let right = WriteStrategy { peak, bias, top: [40; 3], multi: 20, last: 20, lead, trail };
        assert_eq!(source.check_strategy(&right), Ok(()));
        let wrong = [
            (WriteStrategy { peak: Microwatts(20_001), ..right }, ErrorKind::OutOfRange),
            (WriteStrategy { bias: Microwatts(1_001), ..right }, ErrorKind::OutOfRange),
            (WriteStrategy { peak: bias, ..right }, ErrorKind::InvalidArgument),
            (WriteStrategy { top: [40, 0, 40], ..right }, ErrorKind::InvalidArgument),
        ];
        for (strategy, why) in wrong {
            assert_eq!(kind(source.check_strategy(&strategy)), Some(why), "{strategy:?}");
        }
    }

    #[test]
    fn the_lens_stays_within_its_travel() {
        let spec = FocusSpec {
            travel_min: Nanometres(-100),
            travel_max: Nanometres(100),
            sweep_max: MicrometresPerSecond(50),
            jump_max: 1,
            ..FocusSpec::default()
        };
        let sweep =
            |from, to, speed| kind(spec.check_sweep(Nanometres(from), Nanometres(to), MicrometresPerSecond(speed)));
        assert_eq!(sweep(100, -100, 50), None);
        for (from, to, speed) in [(-101, 0, 50), (0, 101, 50), (0, 1, 51), (0, 1, 0)] {
            assert_eq!(sweep(from, to, speed), Some(ErrorKind::OutOfRange));
        }
        let (start, end, speed) = (Nanometres(0), Nanometres(1), MicrometresPerSecond(50));
        let right = FocusCapture { start, end, speed, threshold: 1, sum_min: 0 };
        assert_eq!(spec.check_capture(&right), Ok(()));
        for wrong in [FocusCapture { end: start, ..right }, FocusCapture { threshold: 0, ..right }] {
            assert_eq!(kind(spec.check_capture(&wrong)), Some(ErrorKind::InvalidArgument));
        }
        assert_eq!([1, -1, 0, 2, i8::MIN].map(|n| spec.check_jump(n).is_ok()), [true, true, false, false, false]);
    }

    #[test]
    fn only_channels_that_are_there_are_digitised() {
        let channel = |rate| ChannelSpec { rate_max: Hertz(rate), ..ChannelSpec::default() };
        let spec = DetectorSpec { channels: Few::from_slice(&[channel(100), channel(10)]).unwrap(), buffer: 1 };
        let arm = |bits, rate, length| {
            let channels = Channels::from_bits_retain(bits);
            kind(spec.check(&Acquisition { channels, rate: Hertz(rate), length, trigger: Trigger::Now }))
        };
        assert_eq!([arm(1, 100, 1), arm(2, 10, 1), arm(3, 10, 1)], [None; 3]);
        for (bits, rate, length) in [(0, 10, 1), (1, 0, 1), (1, 10, 0)] {
            assert_eq!(arm(bits, rate, length), Some(ErrorKind::InvalidArgument));
        }
        for (bits, rate) in [(1, 101), (2, 11), (3, 11), (4, 10), (0x8000, 10)] {
            assert_eq!(arm(bits, rate, 1), Some(ErrorKind::OutOfRange));
        }
    }

    #[test]
    fn voltages_speeds_and_radii_have_two_limits() {
        let electrode = ElectrodeSpec {
            min: Millivolts(-1_500),
            max: Millivolts(1_000),
            step: Millivolts(20),
            slew_max: MillivoltsPerSecond(2_000),
            ..ElectrodeSpec::default()
        };
        let supply = SupplySpec { electrodes: Few::from_slice(&[electrode]).unwrap(), keeps_lease: true };
        let set = |i, v, slew| supply.check(Electrode(i), Millivolts(v), MillivoltsPerSecond(slew));
        assert_eq!([set(0, -1_491, 1), set(0, 999, 2_000)], [Ok(Millivolts(-1_500)), Ok(Millivolts(1_000))]);
        assert_eq!(kind(set(1, 0, 1)), Some(ErrorKind::InvalidArgument));
        for (v, slew) in [(-1_501, 1), (1_001, 1), (0, 2_001), (0, 0)] {
            assert_eq!(kind(set(0, v, slew)), Some(ErrorKind::OutOfRange));
        }
        let spindle = SpindleSpec {
            velocity_min: MicrometresPerSecond(10),
            velocity_max: MicrometresPerSecond(20),
            radius_min: Nanometres(30),
            radius_max: Nanometres(40),
        };
        let speeds = [0, 9, 10, 20, 21].map(|v| spindle.check_velocity(MicrometresPerSecond(v)).is_ok());
        assert_eq!(speeds, [true, false, true, true, false]);
        assert_eq!([29, 30, 40, 41].map(|r| spindle.check_radius(Nanometres(r)).is_ok()), [false, true, true, false]);
    }

    #[test]
    fn unknown_sources_are_refused_for_who_asks() {
        let spec = LaserArraySpec { sources: Few::from_slice(&[SourceSpec::default()]).unwrap(), ..Default::default() };
        assert!(spec.source(Source(0), Part::Laser).is_ok());
        let refused = Error::new(Part::Focus, ErrorKind::InvalidArgument);
        assert_eq!(spec.source(Source(1), Part::Focus), Err(refused));
    }
}
