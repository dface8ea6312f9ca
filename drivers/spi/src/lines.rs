//! Interlocks and lock signals: levels at pins.

use disc_hal::safety::Inputs;
use embedded_hal::digital::InputPin;

/// What the hardware's lines say. All but `MONITOR_FAULT`, which the lasers find themselves.
pub trait Lines {
    /// The levels as they stand. A line that can't be read counts as the bad one.
    fn levels(&mut self) -> Inputs;
}

/// Lines at four pins. High is good: closed, on, locked. With a pull-down, a broken wire
/// counts as open.
#[derive(Debug)]
pub struct Pins<I, K, F, T> {
    /// The interlock chain; high while closed.
    pub interlock: I,
    /// The key; high while on.
    pub key: K,
    /// Focus locked (FOK of the servo).
    pub focus: F,
    /// Tracking locked (TLOCK).
    pub tracking: T,
}

impl<I: InputPin, K: InputPin, F: InputPin, T: InputPin> Lines for Pins<I, K, F, T> {
    fn levels(&mut self) -> Inputs {
        let mut inputs = Inputs::empty();
        inputs.set(Inputs::INTERLOCK_OPEN, !self.interlock.is_high().unwrap_or(false));
        inputs.set(Inputs::KEY_OFF, !self.key.is_high().unwrap_or(false));
        inputs.set(Inputs::FOCUS_LOST, !self.focus.is_high().unwrap_or(false));
        inputs.set(Inputs::TRACKING_LOST, !self.tracking.is_high().unwrap_or(false));
        inputs
    }
}

/// An interlock alone. A device half with servos of its own ends a shot when they lose
/// lock, at its next tick; pins do it without it.
#[derive(Debug)]
pub struct InterlockOnly<I>(
    /// High while closed.
    pub I,
);

impl<I: InputPin> Lines for InterlockOnly<I> {
    fn levels(&mut self) -> Inputs {
        let mut inputs = Inputs::empty();
        inputs.set(Inputs::INTERLOCK_OPEN, !self.0.is_high().unwrap_or(false));
        inputs
    }
}
