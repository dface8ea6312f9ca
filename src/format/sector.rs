//! Sectors: numbers, identification data, data frames, scrambling
//! (ECMA-267 clauses 16 and 17, ECMA-359 clauses 16 and 17).

use core::fmt;
use std::sync::LazyLock;

use crc::{Algorithm, Crc, Table};
use thiserror::Error;

use super::gf;

/// User bytes in a sector.
pub const SECTOR_BYTES: usize = 2048;
/// Bytes in a data frame: ID 4, IED 2, CPR_MAI 6, main data 2048, EDC 4.
pub const FRAME_BYTES: usize = 2064;
/// Where the main data starts in a data frame.
const MAIN: usize = 12;
/// Where the EDC starts in a data frame.
const EDC: usize = FRAME_BYTES - 4;

const EDC_ALGORITHM: Algorithm<u32> = Algorithm {
    width: 32,
    // x^32 + x^31 + x^4 + 1, ECMA-267 clause 16.4.
    poly: 0x8000_0011,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0xb27c_e117,
    residue: 0,
};
static EDC_CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&EDC_ALGORITHM);

/// A physical sector number, 24 bits; arithmetic wraps at 24 bits.
///
/// ```
/// use disc_hal::format::Psn;
/// assert_eq!(Psn::new(0x30000).to_string(), "030000h");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Psn(u32);

impl Psn {
    /// The first sector of the data area of layer 0 (ECMA-267 clause 14).
    pub const DATA_START: Self = Self(0x03_0000);

    /// The number `value`, of which the low 24 bits count.
    pub const fn new(value: u32) -> Self {
        Self(value & 0xff_ffff)
    }

    /// The number, below 2^24.
    pub const fn value(self) -> u32 {
        self.0
    }

    /// The number `sectors` further on.
    #[must_use]
    pub const fn plus(self, sectors: u32) -> Self {
        Self::new(self.0.wrapping_add(sectors))
    }

    /// The number `sectors` earlier.
    #[must_use]
    pub const fn minus(self, sectors: u32) -> Self {
        Self::new(self.0.wrapping_sub(sectors))
    }

    /// The first sector of the ECC block this sector is in.
    #[must_use]
    pub const fn block_start(self) -> Self {
        Self(self.0 & !15)
    }

    /// The place in the ECC block, 0..16.
    pub const fn place(self) -> usize {
        (self.0 & 15) as usize
    }
}

impl fmt::Display for Psn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06X}h", self.0)
    }
}

/// The area of the disc a sector is in (ID bits 27 and 26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Area {
    /// User data.
    #[default]
    Data,
    /// Lead-in.
    LeadIn,
    /// Lead-out.
    LeadOut,
    /// Middle area of a disc read in opposite track path.
    Middle,
}

/// Identification data: sector information and sector number, 4 bytes on the disc.
///
/// The default is a sector 000000h of the data area, layer 0, all flags off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SectorId {
    /// The sector number.
    pub psn: Psn,
    /// The layer, 0 or 1 (bit 24).
    pub layer: u8,
    /// Data type: false for read-only data, true for other (bit 25).
    pub writable: bool,
    /// The area (bits 27 and 26).
    pub area: Area,
    /// Bit 28, reserved: 0 on a disc that follows the standard.
    pub reserved: bool,
    /// Reflectivity not above 40 % (bit 29).
    pub low_reflectivity: bool,
    /// Groove tracking (bit 30); false is pit tracking.
    pub groove: bool,
    /// Zoned format (bit 31); false is constant linear velocity.
    pub zoned: bool,
}

impl SectorId {
    /// A sector of the data area of layer 0, all flags off.
    pub fn new(psn: Psn) -> Self {
        Self {
            psn,
            ..Self::default()
        }
    }

    /// The same information for another sector number.
    #[must_use]
    pub const fn at(self, psn: Psn) -> Self {
        Self { psn, ..self }
    }

    /// The 4 bytes on the disc.
    pub const fn to_bytes(self) -> [u8; 4] {
        let [_, b1, b2, b3] = self.psn.0.to_be_bytes();
        let info = (self.zoned as u8) << 7
            | (self.groove as u8) << 6
            | (self.low_reflectivity as u8) << 5
            | (self.reserved as u8) << 4
            | (self.area as u8) << 2
            | (self.writable as u8) << 1
            | self.layer & 1;
        [info, b1, b2, b3]
    }

    /// What the 4 bytes on the disc say.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        let [info, b1, b2, b3] = bytes;
        Self {
            psn: Psn(u32::from_be_bytes([0, b1, b2, b3])),
            layer: info & 1,
            writable: info & 2 != 0,
            area: match info >> 2 & 3 {
                0 => Area::Data,
                1 => Area::LeadIn,
                2 => Area::LeadOut,
                _ => Area::Middle,
            },
            reserved: info & 16 != 0,
            low_reflectivity: info & 32 != 0,
            groove: info & 64 != 0,
            zoned: info & 128 != 0,
        }
    }
}

/// Why the data of a sector is not handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SectorError {
    /// The identification data is unreadable or names another sector.
    #[error("sector {0}: the identification data is damaged or names another sector")]
    Id(Psn),
    /// The error detection code does not agree with the data.
    #[error("sector {0}: the error detection code does not match the data")]
    Edc(Psn),
}

impl SectorError {
    /// The sector it is about.
    pub const fn psn(self) -> Psn {
        match self {
            Self::Id(psn) | Self::Edc(psn) => psn,
        }
    }
}

/// The two check bytes of the ID: RS(6,4) with generator x^2 + 03 x + 02.
pub(crate) fn ied(id: [u8; 4]) -> [u8; 2] {
    let (mut high, mut low) = (0u8, 0u8);
    for byte in id {
        let top = byte ^ high;
        high = low ^ gf::mul_const(top, 3);
        low = gf::xtime(top);
    }
    [high, low]
}

/// Reads ID and IED: `None` if they disagree, otherwise the ID and whether one byte
/// had to be corrected. Correction finds any one wrong byte; more wrong bytes look
/// like one in 6 of 256 cases, so a corrected ID needs a second witness.
pub(crate) fn read_id(bytes: [u8; 6]) -> Option<(SectorId, bool)> {
    let (mut s0, mut s1) = (0, 0);
    for byte in bytes {
        s0 ^= byte;
        s1 = gf::xtime(s1) ^ byte;
    }
    let mut fixed = bytes;
    if s0 != 0 || s1 != 0 {
        if s0 == 0 || s1 == 0 {
            return None;
        }
        let locator = gf::LOG[usize::from(gf::div(s1, s0))];
        let place = 5usize.checked_sub(usize::from(locator))?;
        fixed[place] ^= s0;
    }
    let [a, b, c, d, ..] = fixed;
    Some((SectorId::from_bytes([a, b, c, d]), fixed != bytes))
}

/// Error detection code of the first 2060 bytes of a data frame (any length here).
pub fn edc(bytes: &[u8]) -> u32 {
    EDC_CRC.checksum(bytes)
}

/// The 16 scrambling sequences; sequence k serves the sectors with PSN bits 4-7 = k.
static SCRAMBLE: LazyLock<Box<[[u8; SECTOR_BYTES]; 16]>> = LazyLock::new(|| {
    let mut tables = Box::new([[0; SECTOR_BYTES]; 16]);
    // Preset k is the state the register of preset 0 has after k sectors.
    let mut register = 1u16;
    for byte in tables.as_flattened_mut() {
        *byte = register as u8;
        for _ in 0..8 {
            let bit = (register >> 14 ^ register >> 10) & 1;
            register = (register << 1 | bit) & 0x7fff;
        }
    }
    tables
});

/// Scrambles (or unscrambles: it is the same) the main data of sector `psn`
/// (ECMA-267 clause 17).
pub fn scramble(psn: Psn, main: &mut [u8; SECTOR_BYTES]) {
    let sequence = &SCRAMBLE[(psn.0 >> 4 & 15) as usize];
    for (byte, s) in main.iter_mut().zip(sequence) {
        *byte ^= s;
    }
}

/// Writes the data frame of a sector, not scrambled: ID, IED, CPR_MAI (zeros), main
/// data, EDC.
pub fn data_frame(id: SectorId, main: &[u8; SECTOR_BYTES]) -> [u8; FRAME_BYTES] {
    let mut frame = [0; FRAME_BYTES];
    let head = id.to_bytes();
    frame[..4].copy_from_slice(&head);
    frame[4..6].copy_from_slice(&ied(head));
    frame[MAIN..EDC].copy_from_slice(main);
    let check = edc(&frame[..EDC]);
    frame[EDC..].copy_from_slice(&check.to_be_bytes());
    frame
}

/// Scrambles or unscrambles the main data inside a data frame.
pub fn scramble_frame(psn: Psn, frame: &mut [u8; FRAME_BYTES]) {
    if let Some(main) = frame[MAIN..EDC].first_chunk_mut() {
        scramble(psn, main);
    }
}

/// Unscrambles a data frame of sector `expected` in place and checks it.
///
/// # Errors
/// [`SectorError`] if the ID (with its IED, uncorrected) does not name `expected` or
/// if the EDC does not match; the frame must not be used then.
pub fn check_frame(expected: Psn, frame: &mut [u8; FRAME_BYTES]) -> Result<SectorId, SectorError> {
    scramble_frame(expected, frame);
    let head = [frame[0], frame[1], frame[2], frame[3]];
    let id = SectorId::from_bytes(head);
    if id.psn != expected || ied(head) != frame[4..6] {
        return Err(SectorError::Id(expected));
    }
    if edc(&frame[..EDC]).to_be_bytes() != frame[EDC..] {
        return Err(SectorError::Edc(expected));
    }
    Ok(id)
}

/// The main data of an unscrambled data frame.
pub fn main_data(frame: &[u8; FRAME_BYTES]) -> &[u8] {
    &frame[MAIN..EDC]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edc_matches_its_check_value() {
        assert_eq!(edc(b"123456789"), 0xb27c_e117);
    }

    #[test]
    fn scrambling_starts_as_published() {
        let seeds = [
            0x0001, 0x5500, 0x0002, 0x2a00, 0x0004, 0x5400, 0x0008, 0x2800, 0x0010, 0x5000, 0x0020,
            0x2001, 0x0040, 0x4002, 0x0080, 0x0005u16,
        ];
        for (k, seed) in seeds.iter().enumerate() {
            assert_eq!(SCRAMBLE[k][0], *seed as u8, "seed {k}");
        }
        let mut main = [0; SECTOR_BYTES];
        scramble(Psn::new(0x30000), &mut main);
        let first = "010022040488980230426 8c9c8aa8405".replace(' ', "");
        let hex: String = main[..16].iter().map(|b| format!("{b:02x}")).collect();
        assert!(hex.starts_with(&first[..30]), "{hex}");
    }

    #[test]
    fn id_survives_its_bytes() {
        for info in 0..=255 {
            let bytes = [info, 0x03, 0xab, 0xcd];
            assert_eq!(SectorId::from_bytes(bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn one_wrong_id_byte_is_put_right() {
        let head = SectorId::new(Psn::new(0x31234)).to_bytes();
        let [c0, c1] = ied(head);
        let good = [head[0], head[1], head[2], head[3], c0, c1];
        assert_eq!(read_id(good), Some((SectorId::from_bytes(head), false)));
        for place in 0..6 {
            for error in 1..=255 {
                let mut bad = good;
                bad[place] ^= error;
                assert_eq!(read_id(bad), Some((SectorId::from_bytes(head), true)));
            }
        }
    }

    #[test]
    fn a_frame_of_another_sector_or_with_a_wrong_bit_is_refused() {
        let psn = Psn::new(0x30017);
        let mut frame = data_frame(SectorId::new(psn), &[0x55; SECTOR_BYTES]);
        scramble_frame(psn, &mut frame);
        assert_eq!(check_frame(psn, &mut frame.clone()).unwrap().psn, psn);
        let other = psn.plus(1);
        assert_eq!(
            check_frame(other, &mut frame.clone()),
            Err(SectorError::Id(other))
        );
        for bit in [6 * 8, 100 * 8 + 3, 2063 * 8 + 7] {
            let mut bad = frame;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_frame(psn, &mut bad), Err(SectorError::Edc(psn)));
        }
    }
}
