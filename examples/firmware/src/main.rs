//! The reference firmware: the device half of the protocol, its safety core and parts,
//! on a small microcontroller. See README.md.
#![no_std]
#![no_main]

mod board;

use board::{Board, Cause};
use core::cell::RefCell;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use disc_hal::hal::{Identity, Name};
use disc_hal::safety::Config;
use disc_hal::wire::{Device, DeviceConfig};
use disc_hal_firmware_parts::{Array, Chips, Converter, Memory, Station, Supply, World, array, converter, supply};
use embedded_hal::delay::DelayNs;

/// Samples in a frame, and the buffer that holds one: a frame of them takes 6 ms on the
/// line, and a reply waits for one at most.
const SAMPLES: usize = 256;
const ROOM: usize = disc_hal::wire::buffer_for(36 + 2 * SAMPLES);

/// How old the proof of life may be while a shot waits or writes. A bench at a real line has
/// a tenth of a second; on a busy machine an emulator and its host may both stand still longer.
const WRITE_LEASE_US: u32 = 400_000;
/// Between two looks of the safety core, microseconds.
const TICK_US: u64 = 1_000;
/// Bytes that are taken from the line, and put on it, before time is looked at again.
const PIECE: usize = 64;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::give_up(Cause::Panic)
}

/// A start that failed starts anew: dark meanwhile.
fn or_restart<T>(made: Option<T>) -> T {
    made.unwrap_or_else(|| board::give_up(Cause::Panic))
}

#[entry]
fn main() -> ! {
    // Given to this function alone by the macro above.
    static mut RUNS: Memory = [[0; disc_hal_firmware_parts::RUNS]; 2];
    let board = or_restart(Board::start());
    let world = or_restart(cortex_m::singleton!(: World = World::new(RUNS)));
    let device = start_device(board.boot);
    let chips = &*or_restart(cortex_m::singleton!(: Chips<'static> = Chips::new(world)));
    let converter = &*start_converter(chips);
    let lasers = start_lasers(world, chips, converter, board.boot);
    let electrodes = start_electrodes(world, chips, converter);
    let station = or_restart(Station::new(world, lasers, electrodes).ok());
    run(board, world, device, station)
}

type Half = Device<SAMPLES, ROOM>;

// In functions of their own, so that what they need of the stack is given back.
#[inline(never)]
fn start_device(boot: u32) -> &'static mut Half {
    let config = DeviceConfig {
        identity: Identity {
            vendor: Name::new("disc-hal"),
            model: Name::new("reference firmware"),
            serial: Name::new("lm3s6965evb"),
            firmware: Name::new(env!("CARGO_PKG_VERSION")),
        },
        boot,
        host_clock: false,
        safety: Config { write_lease: WRITE_LEASE_US, ..Config::default() },
        samples: SAMPLES as u16,
    };
    or_restart(cortex_m::singleton!(: Half = Device::new(config)))
}

/// The converter that lasers and electrodes share.
type Shared = RefCell<Converter<'static>>;

#[inline(never)]
fn start_converter(chips: &'static Chips<'static>) -> &'static mut Shared {
    or_restart(cortex_m::singleton!(: Shared = RefCell::new(or_restart(converter(chips).ok()))))
}

#[inline(never)]
fn start_lasers(
    world: &'static World,
    chips: &'static Chips<'static>,
    converter: &'static Shared,
    boot: u32,
) -> &'static mut Array<'static> {
    or_restart(cortex_m::singleton!(: Array<'static> = or_restart(array(world, chips, converter, boot).ok())))
}

#[inline(never)]
fn start_electrodes(
    world: &'static World,
    chips: &'static Chips<'static>,
    converter: &'static Shared,
) -> &'static mut Supply<'static> {
    or_restart(cortex_m::singleton!(: Supply<'static> = or_restart(supply(world, chips, converter).ok())))
}

/// Bytes and time, in turn: however many bytes come, a tick comes every millisecond.
#[inline(never)]
fn run(mut board: Board, world: &World, device: &mut Half, mut station: Station<'_, '_>) -> ! {
    let mut delay = Delay;
    let mut next_tick = 0;
    let mut out = [0; PIECE];
    let mut pending = 0..0;
    #[cfg(feature = "service")]
    let mut ticks = Ticks::default();
    loop {
        let mut now = || {
            let now = board.now();
            world.pass(now);
            now
        };
        let time = now();
        if time >= next_tick {
            #[cfg(feature = "service")]
            ticks.count(time.saturating_sub(next_tick));
            next_tick = time + TICK_US;
            let inputs = station.tick();
            device.tick(inputs, &mut station.bench(&mut delay), &mut now);
            board::enable_lasers(device.safety().may_emit());
            #[cfg(feature = "service")]
            ticks.enabled(device.safety().may_emit(), board.now());
            board.feed_watchdog();
        }
        let mut bench = station.bench(&mut delay);
        let mut piece = [0; PIECE];
        let received = board.line.receive(&mut piece);
        if received > 0 {
            device.receive(&piece[..received], &mut bench, &mut now);
        }
        if pending.is_empty() {
            pending = 0..device.transmit(&mut out, &mut bench, &mut now);
        }
        let sent = board.line.send(&out[pending.clone()]);
        pending.start += sent;
        #[cfg(feature = "service")]
        serve(&mut board, world, &mut ticks);
        if received == 0 && sent == 0 {
            board.sleep();
        }
    }
}

/// Time passes by itself here: a device with a clock of its own refuses to wait for a host.
struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        cortex_m::asm::delay(ns.div_ceil(80));
    }
}

/// How the safety core has been ticked.
#[cfg(feature = "service")]
#[derive(Default)]
struct Ticks {
    all: u32,
    /// More than a tick behind.
    late: u32,
    /// Farthest behind since that was last said.
    longest_us: u64,
    /// Whether the lasers have current, and since when not; 0 while they have, and if they
    /// never had.
    lit: bool,
    dark_us: u64,
}

#[cfg(feature = "service")]
impl Ticks {
    fn count(&mut self, behind_us: u64) {
        if self.all > 0 {
            self.late = self.late.saturating_add(u32::from(behind_us > TICK_US));
            self.longest_us = self.longest_us.max(behind_us);
        }
        self.all = self.all.saturating_add(1);
    }

    fn enabled(&mut self, lit: bool, now_us: u64) {
        match (self.lit, lit) {
            (_, true) => self.dark_us = 0,
            (true, false) => self.dark_us = now_us,
            (false, false) => {}
        }
        self.lit = lit;
    }
}

/// Does what a tester of the firmware asks for.
#[cfg(feature = "service")]
fn serve(board: &mut Board, world: &World, ticks: &mut Ticks) {
    use board::Order;
    use core::fmt::Write as _;
    match board.service.order() {
        Some(Order::Panic) => panic!("as ordered"),
        Some(Order::Hang) => loop {
            cortex_m::asm::wfi();
        },
        Some(Order::Open) => world.set_interlock(true),
        Some(Order::Close) => world.set_interlock(false),
        Some(Order::Say) => {
            let (boot, cause) = (board.boot, board.cause);
            let ((used, size), now) = (board::stack(), board.now());
            let Ticks { all, late, longest_us, dark_us, .. } = &*ticks;
            let _said = writeln!(
                board.service,
                "boot {boot} cause {cause:?} stack {used} of {size} ticks {all} late {late} longest {longest_us} \
                 now {now} dark {dark_us}"
            );
            ticks.longest_us = 0;
        }
        None => {}
    }
}
