//! Software models of the chips, behind the same SPI traits as the real ones.
//!
//! They are written from the data sheets' command tables and timing diagrams, apart from
//! the drivers: a frame is what is clocked between two edges of chip select, and does
//! what the table says or nothing. Whole parts are tested on them in a closed loop, and
//! firmware runs on machines that haven't the chips: on a board, the [`Wire`] of a model is
//! replaced by a bus, and nothing else.
//!
//! [`Board`] puts them together: a laser diode behind a shutter, its monitor, what a disc
//! sends back, and an electrochromic cell as resistor and capacitor.

mod ad5686r;
mod ad5754r;
mod ad7380;
mod ads8688;
mod board;
mod cell;

use core::cell::{Cell, RefCell};
use core::convert::Infallible;

use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_hal::spi::{self, Operation, SpiDevice};

pub use ad5686r::Ad5686rModel;
pub use ad5754r::Ad5754rModel;
pub use ad7380::Ad7380Model;
pub use ads8688::Ads8688Model;
pub use board::{Board, Diode, Disc, Fast, Mirror, Slow};
pub use cell::{CellModel, Feed};

/// The longest frame of any of the models, in bytes.
const FRAME: usize = 32;

/// A chip as its bus sees it.
pub trait Slave {
    /// One frame: chip select falls, bytes go both ways, chip select rises.
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]);
}

/// Voltages at the inputs of an ADC.
pub trait Analog {
    /// Microvolts at an input, now.
    fn microvolts(&self, channel: u8) -> i32;
}

impl<A: Analog + ?Sized> Analog for &A {
    fn microvolts(&self, channel: u8) -> i32 {
        (**self).microvolts(channel)
    }
}

/// A bus that may fail: counts transactions, and spoils those that it is told to.
#[derive(Debug, Default)]
pub struct BusFaults {
    count: Cell<u32>,
    from: Cell<Option<u32>>,
    last: Cell<u32>,
}

impl BusFaults {
    /// A bus that doesn't fail yet.
    pub const fn new() -> Self {
        Self { count: Cell::new(0), from: Cell::new(None), last: Cell::new(0) }
    }

    /// Transactions so far.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    /// Fails the next transactions but `after`, `many` of them.
    pub fn fail(&self, after: u32, many: u32) {
        let from = self.count.get().saturating_add(after);
        self.from.set(Some(from));
        self.last.set(from.saturating_add(many));
    }

    /// Fails no more.
    pub fn heal(&self) {
        self.from.set(None);
    }

    fn next_fails(&self) -> bool {
        let number = self.count.get();
        self.count.set(number.wrapping_add(1));
        self.from.get().is_some_and(|from| (from..self.last.get()).contains(&number))
    }
}

/// A model at the end of a bus of its own.
#[derive(Debug)]
pub struct Wire<'a, C> {
    chip: &'a RefCell<C>,
    faults: Option<&'a BusFaults>,
}

impl<'a, C> Wire<'a, C> {
    /// A bus that never fails.
    pub const fn new(chip: &'a RefCell<C>) -> Self {
        Self { chip, faults: None }
    }

    /// A bus that fails as it is told.
    pub const fn with_faults(chip: &'a RefCell<C>, faults: &'a BusFaults) -> Self {
        Self { chip, faults: Some(faults) }
    }
}

impl<C> spi::ErrorType for Wire<'_, C> {
    type Error = spi::ErrorKind;
}

impl<C: Slave> SpiDevice for Wire<'_, C> {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), spi::ErrorKind> {
        if self.faults.is_some_and(BusFaults::next_fails) {
            return Err(spi::ErrorKind::Other);
        }
        let (mut mosi, mut miso) = ([0; FRAME], [0; FRAME]);
        let mut length = 0;
        for operation in operations.iter() {
            let out: &[u8] = match operation {
                Operation::Write(bytes) => bytes,
                Operation::TransferInPlace(bytes) => bytes,
                Operation::Transfer(_, bytes) => bytes,
                Operation::Read(_) | Operation::DelayNs(_) => &[],
            };
            let clocked = clocked(operation);
            let room = mosi.get_mut(length..length + clocked).ok_or(spi::ErrorKind::Overrun)?;
            for (to, from) in room.iter_mut().zip(out) {
                *to = *from;
            }
            length += clocked;
        }
        let (sent, received) = (mosi.get(..length), miso.get_mut(..length));
        if let (Some(sent), Some(received)) = (sent, received) {
            self.chip.try_borrow_mut().map_err(|_| spi::ErrorKind::Other)?.frame(sent, received);
        }
        let mut at = 0;
        for operation in operations {
            let clocked = clocked(operation);
            let bytes: &mut [u8] = match operation {
                Operation::Read(bytes) | Operation::TransferInPlace(bytes) | Operation::Transfer(bytes, _) => bytes,
                Operation::Write(_) | Operation::DelayNs(_) => &mut [],
            };
            for (to, from) in bytes.iter_mut().zip(miso.iter().skip(at)) {
                *to = *from;
            }
            at += clocked;
        }
        Ok(())
    }
}

/// Bytes that an operation clocks.
fn clocked(operation: &Operation<'_, u8>) -> usize {
    match operation {
        Operation::Read(bytes) => bytes.len(),
        Operation::Write(bytes) => bytes.len(),
        Operation::Transfer(read, write) => read.len().max(write.len()),
        Operation::TransferInPlace(bytes) => bytes.len(),
        Operation::DelayNs(_) => 0,
    }
}

/// A line between two pins.
#[derive(Debug, Default)]
pub struct Level {
    high: Cell<bool>,
    stuck: Cell<Option<bool>>,
    broken: Cell<bool>,
}

impl Level {
    /// A line at a level.
    pub const fn new(high: bool) -> Self {
        Self { high: Cell::new(high), stuck: Cell::new(None), broken: Cell::new(false) }
    }

    /// What is at its end: what was set, unless it is stuck.
    pub fn is(&self) -> bool {
        self.stuck.get().unwrap_or(self.high.get())
    }

    /// Sets it.
    pub fn set(&self, high: bool) {
        self.high.set(high);
    }

    /// Sticks, or no more.
    pub fn stick(&self, at: Option<bool>) {
        self.stuck.set(at);
    }

    /// Pins at it report errors, or no more.
    pub fn breaks(&self, broken: bool) {
        self.broken.set(broken);
    }
}

/// The error of a pin of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinBroken;

impl digital::Error for PinBroken {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl From<Infallible> for PinBroken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl digital::ErrorType for &Level {
    type Error = PinBroken;
}

impl OutputPin for &Level {
    fn set_low(&mut self) -> Result<(), PinBroken> {
        if self.broken.get() {
            return Err(PinBroken);
        }
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), PinBroken> {
        if self.broken.get() {
            return Err(PinBroken);
        }
        self.set(true);
        Ok(())
    }
}

impl InputPin for &Level {
    fn is_high(&mut self) -> Result<bool, PinBroken> {
        if self.broken.get() { Err(PinBroken) } else { Ok(self.is()) }
    }

    fn is_low(&mut self) -> Result<bool, PinBroken> {
        self.is_high().map(|high| !high)
    }
}
