//! A second line, for those who test the firmware.

use core::fmt::{self, Write};

use super::registers::{UART1, Uart};

const RX_EMPTY: u32 = 1 << 4;
const TX_FULL: u32 = 1 << 5;

/// What can be asked for, a letter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `p`: panic.
    Panic,
    /// `h`: hang, with interrupts.
    Hang,
    /// `i`: the interlock opens.
    Open,
    /// `c`: it closes.
    Close,
    /// `s`: a line that says how things stand.
    Say,
}

pub struct Service(Uart);

impl Service {
    pub(super) fn start() -> Self {
        let uart = UART1;
        uart.control.write(0);
        uart.divisor.write(6);
        uart.fraction.write(50);
        uart.line.write(0x70);
        uart.control.write(0x301);
        Self(uart)
    }

    pub fn order(&self) -> Option<Order> {
        if self.0.flags.read() & RX_EMPTY != 0 {
            return None;
        }
        Some(match self.0.data.read() as u8 {
            b'p' => Order::Panic,
            b'h' => Order::Hang,
            b'i' => Order::Open,
            b'c' => Order::Close,
            b's' => Order::Say,
            _ => return None,
        })
    }
}

impl Write for Service {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // A short line to somebody who has asked for it.
            while self.0.flags.read() & TX_FULL != 0 {}
            self.0.data.write(byte.into());
        }
        Ok(())
    }
}
