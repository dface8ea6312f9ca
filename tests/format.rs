//! The channel code of DVD-type discs, from the outside.

use disc_hal::format::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

fn golden() -> Box<[u8; BLOCK_BYTES]> {
    let bytes: Vec<u8> = (0..BLOCK_BYTES).map(|i| (7 * i + (i >> 8)) as u8).collect();
    bytes.into_boxed_slice().try_into().unwrap()
}

fn random_main(rng: &mut ChaCha8Rng) -> Box<[u8; BLOCK_BYTES]> {
    let mut bytes = vec![0; BLOCK_BYTES];
    rng.fill(&mut bytes[..]);
    bytes.into_boxed_slice().try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn first() -> SectorId {
    SectorId::new(Psn::DATA_START)
}

/// `n` different numbers below `below`.
fn pick(rng: &mut ChaCha8Rng, n: usize, below: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..below).collect();
    for i in 0..n {
        let j = rng.random_range(i..below);
        all.swap(i, j);
    }
    all.truncate(n);
    all
}

#[test]
fn golden_vectors() {
    let main = golden();
    assert_eq!(
        hex(&Sha256::digest(&main[..])),
        "3dadfccb8d297f5301391a1928adf9020572014b69f78b2f031f34da450b6ff2"
    );
    let frames: Vec<u8> = (0..16)
        .flat_map(|i| {
            let id = first().at(Psn::DATA_START.plus(i));
            data_frame(id, main[2048 * i as usize..].first_chunk().unwrap())
        })
        .collect();
    assert_eq!(hex(&frames[..6]), "000300001112");
    assert_eq!(hex(&frames[2060..2064]), "e3b9bab3");
    assert_eq!(
        hex(&Sha256::digest(&frames)),
        "d9d2bcc5f3311b2b1309753f424428fbe854b63a9e087d33efb24c3542e47585"
    );
    let block = EccBlock::encode(first(), &main);
    assert!(block.is_clean());
    assert_eq!(hex(&block.rows()[0][172..]), "f7a79b9cad151c67f530");
    let recorded: Vec<u8> = block.recorded().flatten().copied().collect();
    assert_eq!(recorded.len(), RECORDED_BYTES);
    assert_eq!(
        hex(&Sha256::digest(&recorded)),
        "6b2e92a31914c831f7a8146eafe90b9fa3ead761dfd5a07730d8561fa33ab71c"
    );
}

#[test]
fn a_clean_block_needs_no_correction() {
    let main = golden();
    let answer = EccBlock::encode(first(), &main)
        .decode(&Erasures::new(), &DecodeOptions::default());
    assert_eq!(answer.data, main);
    assert!(answer.report.is_good());
    assert_eq!(answer.report.pi_error_rows(), 0);
    assert_eq!(answer.report.first, Some(Psn::DATA_START));
}

#[test]
fn five_errors_in_every_row_are_corrected() {
    let rng = &mut ChaCha8Rng::seed_from_u64(10);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    for _ in 0..200 {
        let mut bad = block.clone();
        let mut counts = [0; ROWS];
        for (row, count) in bad.rows_mut().iter_mut().zip(&mut counts) {
            *count = rng.random_range(0..=5);
            for c in pick(rng, usize::from(*count), ROW_BYTES) {
                row[c] ^= rng.random_range(1..=255u8);
            }
        }
        let answer = bad.decode(&Erasures::new(), &DecodeOptions::default());
        assert!(answer.report.is_good());
        assert!(answer.data == main);
        assert_eq!(answer.report.pi_errors, counts);
    }
}

#[test]
fn sixteen_rows_known_to_be_bad_are_recovered() {
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    for _ in 0..200 {
        let mut bad = block.clone();
        let mut erasures = Erasures::new();
        for r in pick(rng, 16, ROWS) {
            rng.fill(&mut bad.rows_mut()[r]);
            erasures.mark_row(r);
        }
        let answer = bad.decode(&erasures, &DecodeOptions::default());
        assert!(answer.report.is_good());
        assert!(answer.data == main);
        assert_eq!(answer.report.pi_failures(), 16);
    }
}

#[test]
fn sixteen_rows_not_known_to_be_bad_are_nearly_always_recovered() {
    let rng = &mut ChaCha8Rng::seed_from_u64(12);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    let recovered = (0..300)
        .filter(|_| {
            let mut bad = block.clone();
            for r in pick(rng, 16, ROWS) {
                rng.fill(&mut bad.rows_mut()[r]);
            }
            let answer = bad.decode(&Erasures::new(), &DecodeOptions::default());
            answer.report.is_good() && answer.data == main
        })
        .count();
    println!("16 destroyed rows, not flagged: {recovered} of 300 blocks recovered");
    assert!(recovered >= 299);
}

#[test]
fn what_cannot_be_corrected_is_never_returned_as_good() {
    let rng = &mut ChaCha8Rng::seed_from_u64(13);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    let mut lost = 0;
    for round in 0..200 {
        let mut bad = block.clone();
        let mut erasures = Erasures::new();
        // More rows than PO can fill in, or more errors than both codes can find.
        if round % 2 == 0 {
            let n = rng.random_range(17..40);
            for r in pick(rng, n, ROWS) {
                rng.fill(&mut bad.rows_mut()[r]);
                if round % 4 == 0 {
                    erasures.mark_row(r);
                }
            }
        } else {
            for row in bad.rows_mut() {
                let n = rng.random_range(14..30);
                for c in pick(rng, n, ROW_BYTES) {
                    row[c] ^= rng.random_range(1..=255u8);
                }
            }
        }
        let answer = bad.decode(&erasures, &DecodeOptions::default());
        for (i, sector) in answer.report.sectors.iter().enumerate() {
            let data = &answer.data[2048 * i..][..2048];
            match sector {
                Ok(id) => {
                    assert_eq!(id.psn, Psn::DATA_START.plus(i as u32));
                    assert!(data == &main[2048 * i..][..2048]);
                }
                Err(_) => {
                    lost += 1;
                    assert!(data.iter().all(|&b| b == 0));
                }
            }
        }
    }
    assert!(lost > 1500, "the damage was too small to mean anything: {lost}");
}

/// Largest |digital sum value| anywhere in a stream, to the channel bit.
fn peak_dsv(runs: &[u8]) -> i64 {
    let (mut dsv, mut level, mut peak) = (0i64, 1i64, 0i64);
    for &run in runs {
        // The transition comes with the last bit of the run.
        dsv += level * (i64::from(run) - 1);
        peak = peak.max(dsv.abs());
        level = -level;
        dsv += level;
    }
    peak
}

#[test]
fn runs_keep_their_limits_and_the_dsv_is_bounded() {
    let rng = &mut ChaCha8Rng::seed_from_u64(20);
    let mut encoder = Encoder::new();
    let mut runs = Vec::new();
    let blocks = 256;
    for n in 0..blocks {
        let main = match n % 4 {
            0 => Box::new([0; BLOCK_BYTES]),
            1 => Box::new([0xff; BLOCK_BYTES]),
            _ => random_main(rng),
        };
        encoder.block(first().at(Psn::DATA_START.plus(16 * n)), &main, &mut runs);
    }
    encoder.finish(&mut runs);
    assert!(runs.iter().all(|r| (3..=11).contains(r) || *r == 14));
    let total: u64 = runs.iter().map(|&r| u64::from(r)).sum();
    assert!(total - u64::from(blocks) * 619_008 < 3);
    // One 14T run in a sync frame, 1488 channel bits apart.
    let mut at = 0u64;
    let marks: Vec<u64> = runs
        .iter()
        .filter_map(|&r| {
            at += u64::from(r);
            (r == 14).then_some(at)
        })
        .collect();
    assert_eq!(marks.len(), blocks as usize * 416);
    assert!(marks.iter().enumerate().all(|(n, &m)| m == 28 + 1488 * n as u64));
    let peak = peak_dsv(&runs);
    println!("largest |DSV| over {} MB: {peak}", blocks * 32768 / 1_000_000);
    assert!(peak < 400, "{peak}");
}
