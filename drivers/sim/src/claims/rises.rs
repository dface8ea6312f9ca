//! Rises of dyes under resting pulses, each body of films computed once.
//!
//! The claims compare a medium with itself, less one feature: most of these have a layer in common,
//! and so do presets that differ in the other one. Films in bands take a second each.

use std::sync::{Mutex, PoisonError};

use crate::heat::{Body, Deposit, ImpulseResponse, Resolution};

/// What a rise depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flash {
    pub(super) body: Body,
    pub(super) deposits: Vec<Deposit>,
    /// Layer of the body that is the dye.
    pub(super) dye: usize,
    /// 1/e^2 radius, metres.
    pub(super) spot_radius: f64,
    pub(super) resolution: Resolution,
    /// Lengths of the pulses, seconds.
    pub(super) pulses: &'static [f64],
}

/// What was computed.
#[derive(Debug, Default)]
pub(super) struct Rises(Mutex<Vec<(Flash, Vec<f64>)>>);

impl Rises {
    /// Rise of the dye per watt at the end of each pulse, K/W.
    pub(super) fn of(&self, flash: Flash) -> Vec<f64> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rises)) = known().iter().find(|(f, _)| *f == flash) {
            return rises.clone();
        }
        // Without the lock, which would make all others wait: now and then two threads compute the
        // same, and find the same.
        let Flash { body, deposits, dye, spot_radius, resolution, pulses } = &flash;
        let response = ImpulseResponse::compute(body, deposits, *dye, *spot_radius, resolution);
        let rises: Vec<f64> = pulses.iter().map(|&length| response.static_pulse(length)).collect();
        known().push((flash, rises.clone()));
        rises
    }
}
