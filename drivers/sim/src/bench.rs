//! What the benchmarks need of the inside; no part of the crate's interface.

use std::sync::Arc;

use disc_hal::hal::Channels;

use crate::APERTURE;
use crate::disc::{CELLS, CHUNK_MARKS, Chunk, LayerState, Mark};
use crate::noise::{Noise, Purpose};
use crate::readout::{EdgeTable, transfer};
use crate::world::{Actuator, Capture, HALF_SWING, Loop, PASSING_FROM, Runout, light, s_curve};

/// Samples of a track with marks on it, as an acquisition makes them.
#[derive(Debug)]
pub struct ReadOut {
    table: Arc<EdgeTable>,
    layers: [LayerState; 1],
    noise: Noise,
    steps: u64,
}

/// Metres of a channel bit, and the end of the transfer function in cycles for each metre.
const BIT: f64 = 146.7e-9;
const CUTOFF: f64 = 2.0 * APERTURE / 650e-9;

impl ReadOut {
    /// At `rate` samples for each channel bit, of `runs` that begin with a mark and are repeated for
    /// `steps` of 5 us.
    #[must_use]
    pub fn new(rate: f64, runs: &[u8], steps: u64) -> Self {
        let mut layer = LayerState::default();
        let mut at = PASSING_FROM.floor() as u64 - 60;
        let end = at + 131 * steps + 200;
        let mut runs = runs.iter().cycle();
        while at < end {
            let start = at;
            let marks = (0..CHUNK_MARKS)
                .map_while(|_| {
                    let mark = Mark {
                        start: ((at - start) * CELLS as u64) as u32,
                        length: u16::from(*runs.next()?) * CELLS as u16,
                        depth: DEPTH,
                    };
                    at += u64::from(mark.length) / CELLS as u64 + u64::from(*runs.next()?);
                    Some(mark)
                })
                .collect();
            layer.add(Chunk { start: start * CELLS as u64, length: ((at - start) * CELLS as u64) as u32, marks });
        }
        let table = Arc::new(EdgeTable::new(rate, BIT, CUTOFF));
        Self { table, layers: [layer], noise: Noise::new(5), steps }
    }

    /// Makes the first samples.
    pub fn render(&self, out: &mut [i16]) {
        let mut capture = Capture::passing(Channels::one(0), self.steps, Arc::clone(&self.table));
        capture.render(0, out, &self.layers, self.noise);
    }

    /// What the amplitude of a carrier of marks and spaces of `n` channel bits should be, in counts:
    /// the fundamental of the square wave through the transfer function of the lens.
    #[must_use]
    pub fn carrier(n: f64) -> f64 {
        let swing = 0.7 * 0.17 * 100_000.0 * 0.99 * f64::from(DEPTH) / 255.0;
        swing * 2.0 / core::f64::consts::PI * transfer(1.0 / (2.0 * n * BIT * CUTOFF))
    }
}

/// Depth of the marks, as a disc has it.
const DEPTH: u8 = 140;

/// Fills `out` with normal deviates of the stream of samples of acquisition `number`.
pub fn deviates(seed: u64, number: u64, out: &mut [f32]) {
    Noise::new(seed).stream(Purpose::Samples, number, 0).fill(0, out);
}

/// The focus servo by itself: the standard's loop on a lens on springs.
#[derive(Debug)]
pub struct FocusServo {
    servo: Loop,
    lens: Actuator,
    runout: Runout,
}

impl FocusServo {
    /// With its crossover at `f0` Hz.
    #[must_use]
    pub fn new(f0: f64) -> Self {
        let runout = Runout::new([(100e-6, 0.0), (8e-6, 0.3), (2e-6, 0.7)]);
        Self { servo: Loop::new(f0), lens: Actuator::default(), runout }
    }

    /// A step of 5 us towards a place in metres, without optics; returns where the lens is.
    #[inline]
    pub fn towards(&mut self, place: f64) -> f64 {
        let error = place - self.lens.x;
        self.lens.step(self.servo.drive(error));
        self.lens.x
    }

    /// A step on a disc that wobbles, seen through the S-curve; returns metres out of focus.
    #[inline]
    pub fn hold(&mut self, turns: f64) -> f64 {
        let u = self.lens.x - self.runout.at(turns);
        let seen = 0.5 * HALF_SWING * s_curve(u) / light(u).max(1e-9);
        self.lens.step(self.servo.drive(-seen));
        u
    }
}
