//! The board: an LM3S6965 as QEMU's `lm3s6965evb` has it. What another board has to do
//! for the firmware is what is public here.

mod line;
mod registers;
#[cfg(feature = "service")]
mod service;

use core::cell::Cell;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SCB, SYST};
use registers::{CLOCK_GATES, KEPT, PORT_A, PORT_D, TIMER, UART0, WATCHDOG};

pub use line::Line;
#[cfg(feature = "service")]
pub use registers::stack;
#[cfg(feature = "service")]
pub use service::{Order, Service};

/// The processor's clock, hertz.
const CLOCK: u32 = 12_500_000;
/// A restart follows when the program hasn't ticked for twice as long, milliseconds. An
/// emulator on a busy machine stands still for longer than any board: 50 is for boards.
const WATCHDOG_MS: u32 = 1_500;
/// SysTick counts down from here, in 1.3 seconds.
const SYSTICK_MAX: u32 = 0xFF_FFFF;
/// Says that the record of boots is one.
const MAGIC: u32 = 0xD15C_B007;

/// Interrupts.
const LINE_IRQ: u8 = 5;
const TIMER_IRQ: u8 = 19;

/// Why the firmware started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Cause {
    /// Power, the reset pin, or the watchdog.
    Reset = 0,
    /// It has panicked.
    Panic = 1,
    /// The processor has met a fault.
    Fault = 2,
}

/// A started board.
pub struct Board {
    pub line: Line,
    pub boot: u32,
    pub cause: Cause,
    #[cfg(feature = "service")]
    pub service: Service,
    clock: Cell<(u32, u64)>,
}

impl Board {
    /// Makes the outputs safe, before anything else, and starts the rest.
    pub fn start() -> Option<Self> {
        outputs_safe();
        let mut core = Peripherals::take()?;
        let (boot, cause) = count_boot();
        CLOCK_GATES[0].set(1 << 3);
        CLOCK_GATES[1].set(1 | 1 << 1 | 1 << 16);
        CLOCK_GATES[2].set(1 | 1 << 3);
        start_watchdog();
        // Port A carries both UARTs' pins.
        PORT_A[0].set(0b1111);
        PORT_A[1].set(0b1111);
        PORT_D[1].set(1);
        PORT_D[2].set(1);
        start_time(&mut core.SYST);
        let line = Line::start(UART0);
        registers::unmask(LINE_IRQ);
        registers::unmask(TIMER_IRQ);
        Some(Self {
            line,
            boot,
            cause,
            #[cfg(feature = "service")]
            service: Service::start(),
            clock: Cell::new((SYSTICK_MAX, 0)),
        })
    }

    /// Microseconds since the start. Asked at least every 1.3 seconds, it loses nothing:
    /// it counts without an interrupt, however late that would come.
    pub fn now(&self) -> u64 {
        let (last, cycles) = self.clock.get();
        let count = SYST::get_current();
        let cycles = cycles + u64::from(last.wrapping_sub(count) & SYSTICK_MAX);
        self.clock.set((count, cycles));
        // The clock starts at 1: the protocol's stamps do.
        cycles / u64::from(CLOCK / 500_000) * 2 + 1
    }

    /// The program is alive.
    pub fn feed_watchdog(&self) {
        WATCHDOG[2].write(1);
    }

    /// Sleeps until the next interrupt: a byte, or the next millisecond.
    pub fn sleep(&self) {
        cortex_m::interrupt::free(|_| {
            if self.line.is_idle() {
                cortex_m::asm::wfi();
            }
        });
    }
}

/// The pin that lets the laser drivers have current. Low at reset: an input, pulled down.
pub fn enable_lasers(on: bool) {
    PORT_D[0].write(u32::from(on));
}

/// Dark, whatever state the program is in.
fn outputs_safe() {
    enable_lasers(false);
}

fn start_watchdog() {
    let [load, control, clear, lock] = WATCHDOG;
    lock.write(0x1ACC_E551);
    load.write(CLOCK / 1_000 * WATCHDOG_MS);
    clear.write(1);
    // At the first end it asks for an interrupt, which nobody answers; at the second it resets.
    control.write(0b11);
}

/// SysTick as a counter that never stops, timer 0 to wake the program every millisecond.
fn start_time(systick: &mut SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(SYSTICK_MAX);
    systick.clear_current();
    systick.enable_counter();
    let [configuration, mode, control, mask, _, load] = TIMER;
    control.write(0);
    configuration.write(0);
    mode.write(2);
    load.write(CLOCK / 1_000 - 1);
    mask.write(1);
    control.write(1);
}

/// The number of this start: one more than that of the last one, if the RAM has kept it.
/// After a cold start it begins anew, at what the RAM's cells woke up with: a board that
/// has a memory that outlives the power, or a source of randomness, should use that.
fn count_boot() -> (u32, Cause) {
    let [magic, count, check, cause, noise @ ..] = KEPT;
    let last = count.read();
    let kept = magic.read() == MAGIC && check.read() == !last;
    let number = if kept {
        last.wrapping_add(1)
    } else {
        noise.iter().fold(0x811C_9DC5, |hash: u32, word| (hash ^ word.read()).wrapping_mul(0x0100_0193)) >> 1
    };
    let why = match cause.read() {
        1 if kept => Cause::Panic,
        2 if kept => Cause::Fault,
        _ => Cause::Reset,
    };
    magic.write(MAGIC);
    count.write(number);
    check.write(!number);
    cause.write(Cause::Reset as u32);
    (number, why)
}

/// Dark, and a restart that knows why.
pub fn give_up(why: Cause) -> ! {
    outputs_safe();
    KEPT[3].write(why as u32);
    SCB::sys_reset()
}

/// What the processor was interrupted for.
fn interrupt(number: i16) {
    match u8::try_from(number) {
        Ok(LINE_IRQ) => line::interrupt(UART0),
        Ok(TIMER_IRQ) => TIMER[4].write(1),
        _ => {}
    }
}
