//! Lasers, electrodes and detector of disc-hal on [embedded-hal](embedded_hal) 1.0: drivers of
//! DACs and ADCs on an SPI bus, and the contract's parts built of them. No std, no
//! allocator, no float.
//!
//! # What is here
//!
//! | part of the contract | built of |
//! |---|---|
//! | [`Lasers`], a [`LaserArray`](disc_hal::hal::LaserArray) | current DAC, monitor ADC, shutter pin, interlock and lock pins, a [`Modulator`](modulator::Modulator) |
//! | [`Electrodes`], an [`ElectrodeSupply`](disc_hal::hal::ElectrodeSupply) | bipolar DAC, ADC for volts and amperes, relays, a [`Clock`] |
//! | [`Detector`], a [`Photodetector`](disc_hal::hal::Photodetector) | a [`Sampler`](sampler::Sampler), e.g. a simultaneous ADC and a timer |
//!
//! [`chip`] has the drivers and names the data sheets. With the feature `models`,
//! `models` has the chips in software: on machines without them, and for tests.
//!
//! # For firmware
//!
//! Everything lives in one loop and is polled; nothing needs an interrupt but a sampler and a
//! modulator in software:
//!
//! ```text
//! every millisecond, also while the link floods:
//!     electrodes.poll()
//!     inputs = lasers.inputs()                       // polls the lasers
//!     device.tick(inputs, &mut bench, now)           // the safety core
//! as often as the sample rate:  detector.sampler().poll()
//! as often as the channel bit:  lasers.modulator().poll()
//! ```
//!
//! A tick costs one ADC conversion for each source (two SPI frames of 32 bits with an
//! ADS8688: 4 us at 16 MHz), two for each connected electrode, and nothing on the DACs unless something moves.
//! Calls of the contract poll as well. They wait nowhere but in `set_power` and `fire`,
//! for light and shutter to settle (`settle_us`, `shutter_us`, at most 50 ms each).
//!
//! A modulator and a sampler in hardware implement the traits and are not polled.
//!
//! # Wiring, and the worst that a reset can do
//!
//! ```text
//!              ┌ read  ──┐                                     ┌─► disc
//! AD5686R ─────┼ bias  ──┤ laser driver ─► laser ─► shutter ─► splitter
//!              └ pulse ──┘      ▲                ▲             └─► monitor ─► ADS8688
//!                         gates: modulator      pin
//! ```
//!
//! - The three currents of a source are those of a laser driver with a read channel and
//!   write channels: outside shots it gets *read*; in a shot *bias*, and *pulse* on top while
//!   a mark is written. The modulator's two gates choose; both low is *read*.
//! - Each source takes three channels: one AD5686R serves one source, a pair
//!   `(Ad5686r, Ad5686r)` two.
//! - The monitor looks at the light **behind** the shutter: that is how a shutter that sticks
//!   is found.
//!
//! | at power-up, or while the microcontroller is in reset | wired as asked | wired otherwise |
//! |---|---|---|
//! | AD5686R | RSTSEL at GND: zero, no current | RSTSEL high: half of full scale, perhaps 30 mW at 60 mW; `Ad5686r::new` refuses with `ResetLevel` |
//! | shutter | pull-down: closed | floats: as the pin happens to be |
//! | gates | pull-downs: *read* | *peak*, of currents that are zero |
//! | AD5754R | off: 4 kOhm to ground | the same |
//! | relays | pull-downs: open | a cell discharges through 4 kOhm |
//!
//! A microcontroller that resets **while** there is light leaves the DAC as it was: its
//! registers outlive a reset of the processor. The shutter's pull-down closes it as the pins float;
//! tie the DAC's RESET to the processor's reset line as well, and it is dark by
//! both ways before the firmware runs. [`Lasers::new`] then closes, zeroes, and proves it.
//!
//! What must be faster than a tick is hardware: interlock and key cut the laser driver's
//! supply or its enable input; focus loss inhibits the gates. The pins that are read
//! here mirror them.
//!
//! # What a failed bus does
//!
//! A fault has a [code](chip::Fault::code) in the contract's error: which chip, and what. A failed
//! transaction of the lasers closes the shutter and zeroes the DAC, whichever still works,
//! and latches a trip. The error says [`Outputs::Off`](disc_hal::hal::Outputs) if at least one of
//! the two is certain, and `Unknown` if neither is; it is tried again at every poll. Each part speaks
//! for its own outputs only.
#![no_std]

pub mod chip;
mod detector;
mod electrodes;
mod lasers;
mod lines;
#[cfg(feature = "models")]
pub mod models;
pub mod modulator;
pub mod sampler;
mod time;

pub use detector::Detector;
pub use electrodes::{Electrodes, ElectrodesConfig, NoRelays, OutputConfig, RelayPins, Relays};
pub use lasers::{Lasers, LasersConfig, MonitorScale, SourceConfig};
pub use lines::{InterlockOnly, Lines, Pins};
pub use time::{Clock, Events, NowOnly};
