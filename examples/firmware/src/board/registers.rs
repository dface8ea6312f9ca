//! The microcontroller's registers, and the little else that needs `unsafe`.
//!
//! Addresses and bits are those of the LM3S6965's data sheet (Texas Instruments,
//! SPMS035; UART and GPIO are ARM's PL011 and PL061, the watchdog an SP805).
#![allow(unsafe_code)]

use core::ptr::{read_volatile, write_volatile};

/// A register of 32 bits, or a word of RAM that the linker gives to nobody. Only this
/// module makes them, of addresses that exist.
#[derive(Clone, Copy)]
pub struct Register(usize);

impl Register {
    pub fn read(self) -> u32 {
        // SAFETY: the address is one of those below: aligned, always mapped, and no
        // memory that Rust knows of.
        unsafe { read_volatile(self.0 as *const u32) }
    }

    pub fn write(self, value: u32) {
        // SAFETY: as above. What a register does is beside Rust's memory: none of them
        // starts a transfer into RAM.
        unsafe { write_volatile(self.0 as *mut u32, value) }
    }

    pub fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }
}

/// A block of registers.
const fn block<const N: usize>(base: usize, offsets: [usize; N]) -> [Register; N] {
    let mut all = [Register(0); N];
    let mut i = 0;
    while i < N {
        all[i] = Register(base + offsets[i]);
        i += 1;
    }
    all
}

/// Clock gates: peripherals 0 (watchdog), 1 (UART, timers), 2 (ports).
pub const CLOCK_GATES: [Register; 3] = block(0x400F_E000, [0x100, 0x104, 0x108]);
/// Watchdog: load, control, clear, lock.
pub const WATCHDOG: [Register; 4] = block(0x4000_0000, [0x0, 0x8, 0xC, 0xC00]);
/// Timer 0: configuration, mode, control, interrupt mask, clear, load.
pub const TIMER: [Register; 6] = block(0x4003_0000, [0x0, 0x4, 0xC, 0x18, 0x24, 0x28]);
/// Port A: alternate function, digital enable. Port D: pin 0 alone, direction, digital enable.
pub const PORT_A: [Register; 2] = block(0x4000_4000, [0x420, 0x51C]);
pub const PORT_D: [Register; 3] = block(0x4000_7000, [0x4, 0x400, 0x51C]);

/// A UART.
#[derive(Clone, Copy)]
pub struct Uart {
    pub data: Register,
    pub flags: Register,
    pub divisor: Register,
    pub fraction: Register,
    pub line: Register,
    pub control: Register,
    pub levels: Register,
    pub mask: Register,
    pub clear: Register,
}

const fn uart(base: usize) -> Uart {
    let [data, flags, divisor, fraction, line, control, levels, mask, clear] =
        block(base, [0x0, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x44]);
    Uart { data, flags, divisor, fraction, line, control, levels, mask, clear }
}

pub const UART0: Uart = uart(0x4000_C000);
#[cfg(feature = "service")]
pub const UART1: Uart = uart(0x4000_D000);

/// The last eight words of the RAM, which `memory.x` keeps free: no start clears them.
pub const KEPT: [Register; 8] = block(0x2000_FFE0, [0, 4, 8, 12, 16, 20, 24, 28]);

/// Lets an interrupt through.
pub fn unmask(number: u8) {
    #[derive(Clone, Copy)]
    struct Line(u8);
    // SAFETY: the numbers that are asked for are lines of this processor.
    unsafe impl cortex_m::interrupt::InterruptNumber for Line {
        fn number(self) -> u16 {
            u16::from(self.0)
        }
    }
    // SAFETY: handlers share atomics with the program and nothing else.
    unsafe { cortex_m::peripheral::NVIC::unmask(Line(number)) }
}

/// All device interrupts: no table of devices is linked.
#[cortex_m_rt::exception]
unsafe fn DefaultHandler(number: i16) {
    super::interrupt(number);
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    super::give_up(super::Cause::Fault)
}

/// Bytes of the stack that have been used since the start, which has painted it, and all.
#[cfg(feature = "service")]
pub fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    // Only the addresses of these symbols of the linker are taken, never a value.
    let (top, end) = (&raw const _stack_start as usize, &raw const _stack_end as usize);
    let mut at = end;
    while at < top && Register(at).read() == 0xCCCC_CCCC {
        at += 4;
    }
    (top - at, top - end)
}
