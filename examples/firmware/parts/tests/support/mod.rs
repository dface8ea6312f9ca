//! The station behind the protocol, in a thread of its own, with time that passes by
//! the host's delays.

use core::cell::RefCell;
use core::time::Duration;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use disc_hal::hal::{Identity, Name};
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::{Bypass, Clock, Device, DeviceConfig, OpenOptions, Pipe, PipeError, Remote};
use disc_hal_firmware_parts::{Chips, RUNS, Station, World, array, converter, supply};
use embedded_hal::delay::DelayNs;

/// The world's time, as a delay: and the parts are looked after meanwhile.
struct Delay<'w>(&'w World);

impl DelayNs for Delay<'_> {
    fn delay_ns(&mut self, ns: u32) {
        self.0.pass(self.0.now() + u64::from(ns).div_ceil(1_000));
    }
}

/// A pipe to a station in a thread.
struct Wire {
    to: Sender<Vec<u8>>,
    from: Receiver<Vec<u8>>,
    left: Vec<u8>,
    clock: Clock,
}

impl Pipe for Wire {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if self.left.is_empty() {
            match self.from.recv_timeout(wait) {
                Ok(bytes) => self.left = bytes,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => return Err(PipeError::Gone("its thread has ended".into())),
            }
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, PipeError> {
        self.to.send(bytes.to_vec()).map_err(|_| PipeError::Gone("its thread has ended".into()))?;
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        let to = std::sync::Mutex::new(self.to.clone());
        Some(Bypass::new(move |bytes| {
            if let Ok(to) = to.lock() {
                // Gone is dark.
                let _sent = to.send(bytes.to_vec());
            }
        }))
    }
}

fn serve(orders: &Receiver<Vec<u8>>, answers: &Sender<Vec<u8>>) {
    let world = World::new(Box::leak(Box::new([[0; RUNS]; 2])));
    let chips = Chips::new(&world);
    let converter = RefCell::new(converter(&chips).expect("a converter"));
    let mut lasers = array(&world, &chips, &converter, 7).expect("a DAC");
    let mut electrodes = supply(&world, &chips, &converter).expect("a supply");
    let mut station = Station::new(&world, &mut lasers, &mut electrodes).expect("channels");
    let config = DeviceConfig {
        identity: Identity { vendor: Name::new("disc-hal"), model: Name::new("models"), ..Identity::default() },
        boot: 7,
        host_clock: true,
        safety: Config::default(),
        samples: 256,
    };
    let mut device: Device<256, 640> = Device::new(config);
    world.pass(1);
    let mut now = || world.now();
    while let Ok(bytes) = orders.recv() {
        let inputs = station.tick();
        let mut delay = Delay(&world);
        let mut bench = station.bench(&mut delay);
        device.tick(inputs.difference(Inputs::empty()), &mut bench, &mut now);
        device.receive(&bytes, &mut bench, &mut now);
        let mut out = vec![0; 4_096];
        loop {
            let count = device.transmit(&mut out, &mut bench, &mut now);
            if count == 0 {
                break;
            }
            if answers.send(out[..count].to_vec()).is_err() {
                return;
            }
        }
    }
}

/// A station, opened.
pub(crate) fn open() -> Remote {
    let (to, orders) = channel();
    let (answers, from) = channel();
    thread::spawn(move || serve(&orders, &answers));
    let pipe = Wire { to, from, left: Vec::new(), clock: Clock::start() };
    Remote::open(pipe, &OpenOptions::default().patience(Duration::from_secs(20))).expect("a station")
}
