//! Each driver's bytes on the bus, to the bit, as data sheets and other people's drivers have them.

use disc_hal_spi::chip::{
    Ad5686r, Ad5754r, Ad7380, Adc, Ads8688, Cause, Chip, Converters, Dac, Fault, FrameAdc, Health, InputRange,
    Reference, VoltageDac, VoltageRange,
};
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_hal_mock::eh1::spi::{Mock, Transaction};

type Bytes = Vec<Transaction<u8>>;

/// A frame in which nothing is listened to.
fn out(bytes: &[u8]) -> Bytes {
    vec![Transaction::transaction_start(), Transaction::write_vec(bytes.to_vec()), Transaction::transaction_end()]
}

/// A frame both ways.
fn both(bytes: &[u8], answer: &[u8]) -> Bytes {
    vec![
        Transaction::transaction_start(),
        Transaction::transfer_in_place(bytes.to_vec(), answer.to_vec()),
        Transaction::transaction_end(),
    ]
}

/// Read-back of a channel of the AD5686R: Linux's `ad5686_spi_read` sends command 9 and
/// then a no-operation, and takes the last 16 bits. DB23 to DB20 are undefined.
fn ad5686r_read(address: u8, code: u16) -> Bytes {
    let [high, low] = code.to_be_bytes();
    [out(&[0x90 | address, 0, 0]), both(&[0, 0, 0], &[0xF0, high, low])].concat()
}

/// The data sheet's order: reset (0110), read back, zero to all (0011, 1111), reference
/// (0111), normal operation (0100).
fn ad5686r_start(codes: [u16; 4], reference: u8) -> Bytes {
    let mut bytes = out(&[0x60, 0, 0]);
    for (address, code) in [1, 2, 4, 8].into_iter().zip(codes) {
        bytes.extend(ad5686r_read(address, code));
        if code != 0 {
            return [bytes, out(&[0x3F, 0, 0])].concat();
        }
    }
    [bytes, out(&[0x3F, 0, 0]), out(&[0x70, 0, reference]), out(&[0x40, 0, 0])].concat()
}

#[test]
fn ad5686r_resets_proves_zero_and_writes() {
    let more = [out(&[0x31, 0x12, 0x34]), out(&[0x38, 0xFF, 0xFF]), ad5686r_read(4, 0xABCD), out(&[0x3F, 0, 0])];
    let mut spi = Mock::new(&[ad5686r_start([0; 4], 0), more.concat()].concat());
    let mut dac = Ad5686r::new(spi.clone(), Reference::Internal).unwrap();
    assert_eq!(dac.channels(), 4);
    dac.set(0, 0x1234).unwrap();
    dac.set(3, 0xFFFF).unwrap();
    assert_eq!(dac.read_back(2), Ok(0xABCD));
    dac.zero().unwrap();
    // No channel, no byte.
    let none = Fault::new(Chip::Ad5686r, Cause::Channel);
    assert_eq!((dac.set(4, 1), dac.read_back(4)), (Err(none), Err(none)));
    spi.done();
}

#[test]
fn ad5686r_with_its_reference_outside_switches_its_own_off() {
    let mut spi = Mock::new(&ad5686r_start([0; 4], 1));
    Ad5686r::new(spi.clone(), Reference::External).unwrap();
    spi.done();
}

#[test]
fn ad5686r_that_powers_up_at_mid_scale_is_made_dark_and_refused() {
    for (codes, what) in [([0x8000; 4], "RSTSEL high"), ([0xFFFF; 4], "nobody there"), ([0, 0, 0, 1], "one code")] {
        let mut spi = Mock::new(&ad5686r_start(codes, 0));
        let refused = Ad5686r::new(spi.clone(), Reference::Internal);
        assert_eq!(refused.err(), Some(Fault::new(Chip::Ad5686r, Cause::ResetLevel)), "{what}");
        spi.done();
    }
}

#[test]
fn two_dacs_are_one_with_eight_channels() {
    let first = [ad5686r_start([0; 4], 0), out(&[0x38, 0, 1]), out(&[0x3F, 0, 0])].concat();
    let second = [ad5686r_start([0; 4], 0), out(&[0x31, 0, 2]), ad5686r_read(8, 7), out(&[0x3F, 0, 0])].concat();
    let (mut a, mut b) = (Mock::new(&first), Mock::new(&second));
    let chip = |spi: &Mock<u8>| Ad5686r::new(spi.clone(), Reference::Internal).unwrap();
    let mut pair = (chip(&a), chip(&b));
    assert_eq!(pair.channels(), 8);
    pair.set(3, 1).unwrap();
    pair.set(4, 2).unwrap();
    assert_eq!(pair.read_back(7), Ok(7));
    pair.zero().unwrap();
    a.done();
    b.done();
}

/// `ad5754r_read` of no-OS: R/W set, then the no-operation 18h, and the last 16 bits.
fn ad5754r_read(head: u8, value: u16) -> Bytes {
    let [high, low] = value.to_be_bytes();
    [out(&[0x80 | head, 0, 0]), both(&[0x18, 0, 0], &[0, high, low])].concat()
}

/// Power control is register 2 (10h), control register 3 at address 1 (19h), range 1 and
/// data 0, of all channels at address 4.
fn ad5754r_start(range: u8) -> Bytes {
    let mut bytes = [out(&[0x10, 0, 0]), out(&[0x19, 0, 0x0C]), out(&[0x0C, 0, range]), out(&[0x04, 0x80, 0])].concat();
    for channel in 0..4 {
        bytes.extend(ad5754r_read(0x08 | channel, range.into()));
        bytes.extend(ad5754r_read(channel, 0x8000));
    }
    [bytes, out(&[0x10, 0, 0x10]), ad5754r_read(0x10, 0x10)].concat()
}

#[test]
fn ad5754r_sets_range_and_zero_before_any_output_is_on() {
    let more = [
        // Channel B on, beside the reference.
        out(&[0x10, 0, 0x12]),
        ad5754r_read(0x10, 0x12),
        // +5 V of +-10 V is three quarters, -10 V is code 0, and +10 V one beyond the last.
        out(&[0x01, 0xC0, 0x00]),
        out(&[0x01, 0x00, 0x00]),
        out(&[0x01, 0xFF, 0xFF]),
        // One step is 305 uV; half a step rounds up.
        out(&[0x01, 0x80, 0x01]),
        ad5754r_read(0x01, 0x4000),
        // Overcurrent of A and D (bits 7 and 10), thermal shutdown (bit 5).
        ad5754r_read(0x10, 1 << 10 | 1 << 7 | 1 << 5 | 0x12),
    ];
    let mut spi = Mock::new(&[ad5754r_start(4), more.concat()].concat());
    let mut dac = Ad5754r::new(spi.clone(), VoltageRange::TenVolts).unwrap();
    assert_eq!(dac.range(), (-10_000_000, 9_999_694));
    dac.power(1 << 1).unwrap();
    assert_eq!(dac.set(1, 5_000_000), Ok(5_000_000));
    assert_eq!(dac.set(1, -10_000_000), Ok(-10_000_000));
    assert_eq!(dac.set(1, i32::MAX), Ok(9_999_694));
    assert_eq!(dac.set(1, 160), Ok(305));
    assert_eq!(dac.read_back(1), Ok(-5_000_000));
    assert_eq!(dac.health(), Ok(Health { overcurrent: 0b1001, hot: true }));
    assert_eq!(dac.set(4, 0), Err(Fault::new(Chip::Ad5754r, Cause::Channel)));
    spi.done();
}

#[test]
fn ad5754r_has_the_gains_of_its_ranges() {
    // no-OS's gains of 4 and 8.64 at 2.5 V: 10 V and 21.6 V from end to end.
    for (range, code, end) in
        [(VoltageRange::FiveVolts, 3, -5_000_000), (VoltageRange::TenPointEightVolts, 5, -10_800_000)]
    {
        let mut spi = Mock::new(&[ad5754r_start(code), out(&[0x00, 0x00, 0x00]), out(&[0x00, 0xC0, 0x00])].concat());
        let mut dac = Ad5754r::new(spi.clone(), range).unwrap();
        assert_eq!(dac.set(0, end), Ok(end));
        assert_eq!(dac.set(0, -end / 2), Ok(-end / 2));
        spi.done();
    }
}

#[test]
fn ad5754r_that_says_something_else_is_refused() {
    let mut bytes = [out(&[0x10, 0, 0]), out(&[0x19, 0, 0x0C]), out(&[0x0C, 0, 4]), out(&[0x04, 0x80, 0])].concat();
    bytes.extend([ad5754r_read(0x08, 0xFFFF), ad5754r_read(0x00, 0xFFFF)].concat());
    let mut spi = Mock::new(&bytes);
    let refused = Ad5754r::new(spi.clone(), VoltageRange::TenVolts);
    assert_eq!(refused.err(), Some(Fault::new(Chip::Ad5754r, Cause::ReadBack)));
    spi.done();
}

/// `ads8688_prog_write` and the range table of Linux: address and write bit, then the value.
fn ads8688_start(codes: [u8; 8]) -> Bytes {
    let mut bytes = both(&[0x85, 0, 0, 0], &[0; 4]);
    for (register, code) in (0x05u8..).zip(codes) {
        bytes.extend(both(&[register << 1 | 1, code, 0], &[0, 0, code]));
        bytes.extend(both(&[register << 1, 0, 0], &[0, 0, code]));
    }
    bytes
}

/// `ads8688_read` of Linux: the channel's command, a no-operation, the last 16 bits.
fn ads8688_read(command: u8, code: u16) -> Bytes {
    let [high, low] = code.to_be_bytes();
    [both(&[command, 0, 0, 0], &[0, 0, 0x55, 0x55]), both(&[0, 0, 0, 0], &[0, 0, high, low])].concat()
}

#[test]
fn ads8688_converts_what_the_frame_before_selected() {
    use InputRange::{FiveVolts, PositiveFiveVolts, PositiveTenVolts, TenVolts, TwoAndAHalfVolts};
    let ranges =
        [TenVolts, FiveVolts, TwoAndAHalfVolts, PositiveTenVolts, PositiveFiveVolts, TenVolts, TenVolts, TenVolts];
    // Codes of a channel, and microvolts: the scales of Linux's table (76.295, 38.148 and
    // 19.074 nV each step and millivolt of 4096) and the data sheet's 312.5 uV.
    let seen: [(u8, u16, i32); 9] = [
        (0xC0, 0x8000, 0),
        (0xC0, 0x8001, 312),
        (0xC0, 0, -10_240_000),
        (0xC4, 0xFFFF, 5_119_843),
        (0xC8, 0x4000, -1_280_000),
        (0xCC, 0x8000, 5_120_000),
        (0xD0, 0x8000, 2_560_000),
        (0xD4, 0xC000, 5_120_000),
        (0xDC, 0x8000, 0),
    ];
    let reads: Bytes = seen.iter().flat_map(|(command, code, _)| ads8688_read(*command, *code)).collect();
    let mut spi = Mock::new(&[ads8688_start([0, 1, 2, 5, 6, 0, 0, 0]), reads].concat());
    let mut adc = Ads8688::new(spi.clone(), ranges).unwrap();
    for (command, code, microvolts) in seen {
        let channel = (command - 0xC0) / 4;
        assert_eq!(adc.microvolts(channel), Ok(microvolts), "channel {channel}, code {code:04X}h");
    }
    assert_eq!(adc.microvolts(8), Err(Fault::new(Chip::Ads8688, Cause::Channel)));
    spi.done();
}

#[test]
fn ads8688_that_says_something_else_is_refused() {
    let mut bytes = both(&[0x85, 0, 0, 0], &[0; 4]);
    bytes.extend([both(&[0x0B, 1, 0], &[0, 0, 1]), both(&[0x0A, 0, 0], &[0, 0, 0])].concat());
    let mut spi = Mock::new(&bytes);
    let refused = Ads8688::new(spi.clone(), [InputRange::FiveVolts; 8]);
    assert_eq!(refused.err(), Some(Fault::new(Chip::Ads8688, Cause::ReadBack)));
    spi.done();
}

/// `ad7380_init` of Linux: hard reset (FFh in CONFIGURATION2), then SDO to one wire (bit 8).
fn ad7380_start(external: bool, answer: u16) -> Bytes {
    let [high, low] = answer.to_be_bytes();
    let mut bytes = both(&[0xA0, 0xFF], &[0, 0]);
    if external {
        bytes.extend(both(&[0x90, 0x02], &[0, 0]));
    }
    [bytes, both(&[0xA1, 0x00], &[0, 0]), both(&[0x20, 0x00], &[0, 0]), both(&[0, 0], &[high, low])].concat()
}

#[test]
fn ad7380_starts_with_one_frame_and_fetches_with_the_next() {
    let two = [both(&[0, 0], &[0x11, 0x11]), both(&[0; 4], &[0x7F, 0xFF, 0x80, 0x00])].concat();
    for (converters, external) in [(Converters::Two, false), (Converters::TwoExternalReference, true)] {
        let mut spi = Mock::new(&[ad7380_start(external, 0x2100), two.clone()].concat());
        let mut adc = Ad7380::new(spi.clone(), converters, &mut NoopDelay::new()).unwrap();
        let mut counts = [9; 16];
        adc.convert(&mut counts).unwrap();
        assert_eq!((adc.channels(), counts[..3].to_vec()), (2, vec![i16::MAX, i16::MIN, 9]));
        spi.done();
    }
    let four = [both(&[0, 0], &[0; 2]), both(&[0; 8], &[0, 1, 0, 2, 0xFF, 0xFF, 1, 0])].concat();
    let mut spi = Mock::new(&[ad7380_start(false, 0x0100), four].concat());
    let mut adc = Ad7380::new(spi.clone(), Converters::Four, &mut NoopDelay::new()).unwrap();
    let mut counts = [0; 16];
    adc.convert(&mut counts).unwrap();
    assert_eq!((adc.channels(), counts[..5].to_vec()), (4, vec![1, 2, -1, 256, 0]));
    spi.done();
}

#[test]
fn ad7380_that_says_something_else_is_refused() {
    for answer in [0x0000, 0xFFFF, 0x0200] {
        let mut spi = Mock::new(&ad7380_start(false, answer));
        let refused = Ad7380::new(spi.clone(), Converters::Two, &mut NoopDelay::new());
        assert_eq!(refused.err(), Some(Fault::new(Chip::Ad7380, Cause::ReadBack)));
        spi.done();
    }
}
