//! The line to the host: received by interrupt into a ring, sent as far as there is room.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::registers::Uart;

/// Room for three of the longest requests: a host sends one at a time, and its copies.
const ROOM: usize = 2_048;
/// Flags: nothing received, no room to send.
const RX_EMPTY: u32 = 1 << 4;
const TX_FULL: u32 = 1 << 5;
/// Interrupts: received, received and then silence.
const RX: u32 = 1 << 4 | 1 << 6;

static RING: [AtomicU8; ROOM] = [const { AtomicU8::new(0) }; ROOM];
/// Bytes received, and bytes taken, ever.
static HEAD: AtomicUsize = AtomicUsize::new(0);
static TAIL: AtomicUsize = AtomicUsize::new(0);

fn waiting() -> usize {
    HEAD.load(Ordering::Acquire).wrapping_sub(TAIL.load(Ordering::Acquire))
}

/// Bytes have come. Where the ring is full they stay in the UART, and no more interrupts
/// come until there is room: a line without flow control loses some then, and the frame
/// is sent again.
pub(super) fn interrupt(uart: Uart) {
    uart.clear.write(RX);
    if !drain(uart) {
        uart.mask.write(0);
    }
}

/// Moves what the UART holds into the ring; whether all of it has found room. A UART asks
/// for attention when a byte comes to those it holds, so that it must be left empty.
fn drain(uart: Uart) -> bool {
    while uart.flags.read() & RX_EMPTY == 0 {
        if waiting() == ROOM {
            return false;
        }
        let head = HEAD.load(Ordering::Relaxed);
        RING[head % ROOM].store(uart.data.read() as u8, Ordering::Relaxed);
        HEAD.store(head.wrapping_add(1), Ordering::Release);
    }
    true
}

pub struct Line(Uart);

impl Line {
    pub(super) fn start(uart: Uart) -> Self {
        uart.control.write(0);
        // A reset of the processor alone leaves bytes of a past life in the FIFO, and no
        // interrupt for them.
        uart.mask.write(0);
        uart.line.write(0);
        while uart.flags.read() & RX_EMPTY == 0 {
            let _past = uart.data.read();
        }
        uart.clear.write(RX);
        // 115 200 baud of 12.5 MHz, 8 bits, no parity, with the FIFO.
        uart.divisor.write(6);
        uart.fraction.write(50);
        uart.line.write(0x70);
        uart.levels.write(0);
        uart.mask.write(RX);
        uart.control.write(0x301);
        Self(uart)
    }

    /// Takes what has come, as much as fits.
    pub fn receive(&self, out: &mut [u8]) -> usize {
        let count = waiting().min(out.len());
        let tail = TAIL.load(Ordering::Relaxed);
        for (i, byte) in out.iter_mut().take(count).enumerate() {
            *byte = RING[tail.wrapping_add(i) % ROOM].load(Ordering::Relaxed);
        }
        TAIL.store(tail.wrapping_add(count), Ordering::Release);
        // Its interrupts are off: nobody else fills the ring now.
        if self.0.mask.read() != RX && waiting() < ROOM / 2 && drain(self.0) {
            self.0.mask.write(RX);
        }
        count
    }

    /// Hands over as many bytes as there is room for, and never waits.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let room = |_: &&u8| self.0.flags.read() & TX_FULL == 0;
        bytes.iter().take_while(room).map(|&byte| self.0.data.write(byte.into())).count()
    }

    pub(super) fn is_idle(&self) -> bool {
        waiting() == 0
    }
}
