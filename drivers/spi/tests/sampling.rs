//! Samples by the clock: what is converted late is lost and counted, none in silence.

mod support;

use core::cell::Cell;

use disc_hal::hal::{
    Acquisition, ChannelKind, ChannelSpec, Channels, ErrorKind, Hertz, Photodetector, Source, Trigger,
};
use disc_hal_spi::Detector;
use disc_hal_spi::chip::{Fault, FrameAdc};
use disc_hal_spi::sampler::PolledSampler;
use support::Time;

/// Counts its conversions: the sample is its number, and its time in milliseconds on channel 1.
struct Counter(&'static Time, Cell<i16>);

impl FrameAdc for Counter {
    fn channels(&self) -> u8 {
        2
    }

    fn convert(&mut self, counts: &mut [i16; 16]) -> Result<(), Fault> {
        counts[0] = self.1.replace(self.1.get() + 1);
        counts[1] = (self.0.ns.get() / 1_000_000) as i16;
        Ok(())
    }
}

type Sampled = Detector<PolledSampler<Counter, &'static Time, &'static Time, 16>>;

fn detector() -> (&'static Time, Sampled) {
    let time: &'static Time = Box::leak(Box::default());
    let sampler = PolledSampler::new(Counter(time, Cell::new(0)), time, time, Hertz(1_000));
    let channel = |kind| ChannelSpec { kind, source: Source(0), rate_max: Hertz(5_000), ..ChannelSpec::default() };
    let detector = Detector::new(sampler, &[channel(ChannelKind::Sum), channel(ChannelKind::FocusError)]).unwrap();
    (time, detector)
}

fn arm(detector: &mut Sampled, channels: u16, length: u64, trigger: Trigger) {
    let channels = Channels::from_bits_retain(channels);
    detector.arm(&Acquisition { channels, rate: Hertz(1_000), length, trigger }).unwrap();
}

/// `(first, gap, samples, last)` of the next chunk of one channel.
fn read(detector: &mut Sampled, room: usize) -> (u64, u64, Vec<i16>, bool) {
    let mut samples = vec![-1; room];
    let chunk = detector.read(&mut samples).unwrap();
    samples.truncate(chunk.length);
    (chunk.first, chunk.gap, samples, chunk.last)
}

fn at(time: &Time, detector: &mut Sampled, ms: u64) {
    time.ns.set(ms * 1_000_000);
    detector.sampler().poll();
}

#[test]
fn the_rate_is_what_the_sampler_can_do() {
    let (_, detector) = detector();
    assert_eq!((detector.spec().channels[0].rate_max, detector.spec().buffer), (Hertz(1_000), 16));
}

#[test]
fn samples_in_time_come_without_a_gap_and_end_at_the_last() {
    let (time, mut detector) = detector();
    arm(&mut detector, 0b11, 5, Trigger::Now);
    for ms in 0..3 {
        at(time, &mut detector, ms);
    }
    // Two looks within a period make one sample.
    detector.sampler().poll();
    let mut samples = [-1; 16];
    let chunk = detector.read(&mut samples[..5]).unwrap();
    assert_eq!((chunk.length, &samples[..5]), (2, &[0, 0, 1, 1, -1][..]), "whole frames");
    assert_eq!(detector.sampler().next_ns(), Some(3_000_000));
    for ms in 3..9 {
        at(time, &mut detector, ms);
    }
    let chunk = detector.read(&mut samples).unwrap();
    assert_eq!((chunk.first, chunk.length, chunk.gap, chunk.last), (2, 3, 0, true), "and no more than asked for");
    assert_eq!(&samples[..7], &[2, 2, 3, 3, 4, 4, -1]);
    assert_eq!(detector.read(&mut [0; 4]).unwrap_err().kind, ErrorKind::WrongState);
}

#[test]
fn a_late_look_loses_the_samples_between() {
    let (time, mut detector) = detector();
    arm(&mut detector, 1, 10, Trigger::Now);
    at(time, &mut detector, 0);
    at(time, &mut detector, 1);
    // 2 and 3 are missed.
    at(time, &mut detector, 4);
    at(time, &mut detector, 5);
    assert_eq!(read(&mut detector, 16), (0, 0, vec![0, 1], false), "up to the gap");
    assert_eq!(read(&mut detector, 16), (4, 2, vec![2, 3], false), "and behind it");
    // A gap that reaches behind the end ends it.
    at(time, &mut detector, 30);
    assert_eq!(read(&mut detector, 16), (10, 4, vec![], true));
}

#[test]
fn a_second_gap_takes_what_lies_between_with_it() {
    let (time, mut detector) = detector();
    arm(&mut detector, 1, 100, Trigger::Now);
    for ms in [0, 2, 3, 5] {
        at(time, &mut detector, ms);
    }
    // 1 and 4 were missed; 2 and 3 are given up.
    assert_eq!(read(&mut detector, 16), (0, 0, vec![0], false));
    assert_eq!(read(&mut detector, 16), (5, 4, vec![3], false));
}

#[test]
fn a_full_buffer_loses_the_oldest() {
    let (time, mut detector) = detector();
    arm(&mut detector, 1, 1_000, Trigger::Now);
    for ms in 0..20 {
        at(time, &mut detector, ms);
    }
    assert_eq!(read(&mut detector, 3), (4, 4, vec![4, 5, 6], false));
    assert_eq!(read(&mut detector, 3), (7, 0, vec![7, 8, 9], false));
    // With a gap within, what is before it goes first.
    at(time, &mut detector, 25);
    for ms in 26..40 {
        at(time, &mut detector, ms);
    }
    let (first, gap, samples, _) = read(&mut detector, 16);
    assert_eq!((first, gap, samples.len()), (25, 15, 15), "10 to 19 given up, 20 to 24 missed");
    assert_eq!(samples[0], 20, "the 21st conversion");
}

#[test]
fn nothing_comes_before_the_trigger() {
    let (time, mut detector) = detector();
    time.turn_us.set(33_000);
    time.ns.set(1_000_000);
    arm(&mut detector, 0b10, 3, Trigger::Index);
    for ms in 1..33 {
        at(time, &mut detector, ms);
        assert_eq!(read(&mut detector, 4), (0, 0, vec![], false));
    }
    for ms in 33..36 {
        at(time, &mut detector, ms);
    }
    assert_eq!(read(&mut detector, 4), (0, 0, vec![33, 34, 35], true));
}
