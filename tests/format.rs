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
    let answer =
        EccBlock::encode(first(), &main).decode(&Erasures::new(), &DecodeOptions::default());
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
    assert!(
        lost > 1500,
        "the damage was too small to mean anything: {lost}"
    );
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
    assert!(
        marks
            .iter()
            .enumerate()
            .all(|(n, &m)| m == 28 + 1488 * n as u64)
    );
    let peak = peak_dsv(&runs);
    println!(
        "largest |DSV| over {} MB: {peak}",
        blocks * 32768 / 1_000_000
    );
    assert!(peak < 400, "{peak}");
}

/// A stream of blocks with run-in and run-out, and its user data.
fn stream(rng: &mut ChaCha8Rng, blocks: u32) -> (Vec<u8>, Vec<Box<[u8; BLOCK_BYTES]>>) {
    let mut encoder = Encoder::new();
    let mut runs = Vec::new();
    encoder.run_in(20, &mut runs);
    let mains: Vec<_> = (0..blocks)
        .map(|n| {
            let main = random_main(rng);
            encoder.block(first().at(Psn::DATA_START.plus(16 * n)), &main, &mut runs);
            main
        })
        .collect();
    encoder.run_out(20, &mut runs);
    encoder.finish(&mut runs);
    (runs, mains)
}

/// Decodes in pieces of random size.
fn decode_in_pieces(rng: &mut ChaCha8Rng, mut runs: &[u8]) -> Vec<DecodedBlock> {
    let mut decoder = Decoder::new();
    let mut blocks = Vec::new();
    while !runs.is_empty() {
        let n = rng.random_range(1..=60_000).min(runs.len());
        blocks.extend(decoder.push(&runs[..n]));
        runs = &runs[n..];
    }
    blocks.extend(decoder.finish());
    blocks
}

/// No sector that counts as good may differ from what was recorded; gives the number
/// of good sectors.
fn good_sectors(blocks: &[DecodedBlock], mains: &[Box<[u8; BLOCK_BYTES]>]) -> usize {
    let mut good = 0;
    for block in blocks {
        for i in 0..BLOCK_SECTORS {
            if let Ok(data) = block.sector(i) {
                let n = (block.first.value() - Psn::DATA_START.value()) as usize / 16;
                assert!(
                    data == &mains[n][2048 * i..][..2048],
                    "wrong data in block {n}"
                );
                good += 1;
            }
        }
    }
    good
}

#[test]
fn a_stream_comes_back_in_pieces_of_any_size() {
    let rng = &mut ChaCha8Rng::seed_from_u64(30);
    let (runs, mains) = stream(rng, 5);
    for _ in 0..5 {
        let blocks = decode_in_pieces(rng, &runs);
        assert_eq!(blocks.len(), 5);
        for (n, block) in blocks.iter().enumerate() {
            assert!(block.is_good());
            assert_eq!(block.first, Psn::DATA_START.plus(16 * n as u32));
            assert_eq!((block.frames, block.erased), (416, 0));
            assert_eq!(block.report.pi_error_rows(), 0);
            assert!(block.data == mains[n]);
        }
    }
}

#[test]
fn a_stream_may_start_anywhere() {
    let rng = &mut ChaCha8Rng::seed_from_u64(31);
    let (runs, mains) = stream(rng, 3);
    for _ in 0..30 {
        let start = rng.random_range(0..runs.len() / 3);
        let blocks = decode_in_pieces(rng, &runs[start..]);
        let good = good_sectors(&blocks, &mains);
        // At most what was cut off is missing, and a sector.
        let cut = 48 * start / runs.len() + 3;
        assert!(
            good + cut >= 48,
            "start {start} of {}: {good} good",
            runs.len()
        );
    }
}

#[test]
fn slips_gaps_and_wrong_runs_cost_no_sector() {
    let rng = &mut ChaCha8Rng::seed_from_u64(32);
    let (runs, mains) = stream(rng, 4);
    let mut slips = 0;
    for round in 0..40 {
        let mut bad = runs.clone();
        for _ in 0..rng.random_range(1..12) {
            let at = rng.random_range(2000..bad.len() - 20_000);
            match (round + rng.random_range(0..2)) % 5 {
                // The clock gains or loses a few bits.
                0 => bad[at] = bad[at].saturating_add(rng.random_range(1..4)),
                1 => bad[at] = bad[at].saturating_sub(rng.random_range(1..3)).max(1),
                // A burst of nonsense.
                2 => bad[at..at + 60]
                    .iter_mut()
                    .for_each(|r| *r = rng.random_range(1..16)),
                // The clock is lost, and some channel bits with it.
                3 => {
                    let n = rng.random_range(1..400);
                    bad.splice(at..at + n, [0]);
                }
                // Runs vanish without a trace.
                _ => {
                    let n = rng.random_range(1..300);
                    bad.splice(at..at + n, []);
                }
            }
        }
        let mut decoder = Decoder::new();
        let mut blocks = decoder.push(&bad);
        blocks.extend(decoder.finish());
        slips += decoder.stats().slips;
        let good = good_sectors(&blocks, &mains);
        assert_eq!(
            (blocks.len(), good),
            (4, 64),
            "round {round}: {:?}",
            decoder.stats()
        );
    }
    assert!(slips > 20, "{slips}");
}

#[test]
fn missing_and_false_sync_codes_cost_no_sector() {
    let rng = &mut ChaCha8Rng::seed_from_u64(33);
    let (runs, mains) = stream(rng, 3);
    for _ in 0..20 {
        let mut bad = runs.clone();
        for at in 0..bad.len() - 2 {
            if bad[at] == 14 && rng.random_ratio(1, 4) {
                bad[at] -= 1;
                bad[at + 1] += 1;
            } else if rng.random_ratio(1, 3000) && bad[at] + bad[at + 1] == 18 {
                (bad[at], bad[at + 1]) = (14, 4);
            }
        }
        let blocks = decode_in_pieces(rng, &bad);
        assert_eq!((blocks.len(), good_sectors(&blocks, &mains)), (3, 48));
    }
}

#[test]
fn heavy_damage_never_gives_wrong_data() {
    let rng = &mut ChaCha8Rng::seed_from_u64(34);
    let (runs, mains) = stream(rng, 3);
    let mut lost = 0;
    for round in 0..30 {
        let mut bad = runs.clone();
        let one_in = 30 + 20 * (round % 10);
        for run in &mut bad {
            if rng.random_ratio(1, one_in) {
                *run = rng.random_range(0..20);
            }
        }
        let good = good_sectors(&decode_in_pieces(rng, &bad), &mains);
        lost += 48 - good;
    }
    assert!(lost > 100, "{lost}");
}

#[test]
fn blocks_without_a_readable_id_are_counted_on() {
    let rng = &mut ChaCha8Rng::seed_from_u64(35);
    let mains: Vec<_> = (0..3).map(|_| random_main(rng)).collect();
    let mut encoder = Encoder::new();
    let mut runs = Vec::new();
    for (n, main) in mains.iter().enumerate() {
        let mut block = EccBlock::encode(first().at(Psn::DATA_START.plus(16 * n as u32)), main);
        if n == 1 {
            for i in 0..16 {
                rng.fill(&mut block.rows_mut()[12 * i][..6]);
            }
        }
        encoder.ecc_block(&block, &mut runs);
    }
    encoder.run_out(3, &mut runs);
    encoder.finish(&mut runs);
    let blocks = decode_in_pieces(rng, &runs);
    assert_eq!((blocks.len(), good_sectors(&blocks, &mains)), (3, 48));
    assert_eq!(blocks[1].report.pi_failures(), 16);
}

/// `bits` from bit `offset` on.
fn shifted(bits: &[u8], offset: usize) -> Vec<u8> {
    let (bytes, bit) = (offset / 8, offset % 8);
    bits[bytes..]
        .windows(2)
        .map(|w| (u16::from_be_bytes([w[0], w[1]]) << bit >> 8) as u8)
        .collect()
}

#[test]
fn bit_files_come_back_from_any_bit_and_as_levels() {
    let rng = &mut ChaCha8Rng::seed_from_u64(40);
    let options = BitFileOptions {
        run_in: 30,
        ..BitFileOptions::default()
    };
    for length in [0, 1, 30_000, 32_768, 100_000] {
        let mut file = vec![0u8; length];
        rng.fill(&mut file[..]);
        let bits = encode_bits(&file, &options);
        assert_eq!(decode_bits(&bits).unwrap(), file);
        let levels = transitions_to_levels(&bits);
        let inverted: Vec<u8> = levels.iter().map(|b| !b).collect();
        for _ in 0..4 {
            let offset = rng.random_range(0..28 * 1488);
            for form in [&bits, &levels, &inverted] {
                assert_eq!(
                    decode_bits(&shifted(form, offset)).unwrap(),
                    file,
                    "{offset}"
                );
            }
        }
        let mut damaged = bits.clone();
        for _ in 0..rng.random_range(1..100) {
            let at = rng.random_range(0..damaged.len());
            damaged[at] = rng.random();
        }
        assert_eq!(decode_bits(&damaged).unwrap(), file);
    }
}

#[test]
fn bit_files_name_what_is_lost() {
    let rng = &mut ChaCha8Rng::seed_from_u64(41);
    assert_eq!(decode_bits(&[0x55; 1000]), Err(BitFileError::NoSync));
    let mut file = vec![0u8; 3 * BLOCK_BYTES];
    rng.fill(&mut file[..]);
    let bits = encode_bits(&file, &BitFileOptions::default());
    // Sectors 4 to 8 of the second block.
    let sector = 38_688 / 8;
    let mut bad = bits.clone();
    rng.fill(&mut bad[sector * 20 + 2000..sector * 25]);
    match decode_bits(&bad) {
        Err(BitFileError::Sector(e)) => {
            assert!((0x30014..=0x30018).contains(&e.psn().value()), "{e}");
        }
        other => panic!("{other:?}"),
    }
    // A block is missing.
    let mut short = bits.clone();
    short.drain(sector * 16 + 1488..sector * 32 + 1488);
    let expected = Psn::new(0x30010);
    assert_eq!(
        decode_bits(&short),
        Err(BitFileError::Order {
            expected,
            found: Psn::new(0x30020)
        })
    );
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    let rng = &mut ChaCha8Rng::seed_from_u64(42);
    for round in 0..60 {
        let mut runs = vec![0u8; 50_000];
        rng.fill(&mut runs[..]);
        match round % 4 {
            0 => {}
            1 => runs.iter_mut().for_each(|r| *r %= 15),
            2 => runs
                .iter_mut()
                .for_each(|r| *r = if *r < 100 { 14 } else { 4 }),
            _ => runs.fill(round as u8),
        }
        for block in decode_in_pieces(rng, &runs) {
            assert!(!block.is_good());
        }
    }
}

#[test]
fn more_errors_than_a_row_can_bear_are_left_to_the_columns() {
    let rng = &mut ChaCha8Rng::seed_from_u64(14);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    for n in [6, 7, 8] {
        for _ in 0..60 {
            let mut bad = block.clone();
            for row in bad.rows_mut() {
                for c in pick(rng, n, ROW_BYTES) {
                    row[c] ^= rng.random_range(1..=255u8);
                }
            }
            let answer = bad.decode(&Erasures::new(), &DecodeOptions::default());
            assert!(answer.report.is_good() && answer.data == main);
            assert!(answer.report.pi_errors.iter().all(|&e| usize::from(e) == n));
        }
    }
}

#[test]
fn missing_frames_are_filled_in() {
    // Half rows here and there, more than 16 rows in all: only the flags of the single
    // bytes say what is missing.
    let rng = &mut ChaCha8Rng::seed_from_u64(15);
    let main = random_main(rng);
    let block = EccBlock::encode(first(), &main);
    let mut bad = block.clone();
    let mut erasures = Erasures::new();
    for (n, r) in pick(rng, 32, ROWS).into_iter().enumerate() {
        for c in 91 * (n % 2)..91 * (n % 2) + 91 {
            bad.rows_mut()[r][c] = 0;
            erasures.mark(r, c);
        }
    }
    let answer = bad.decode(&erasures, &DecodeOptions::default());
    assert!(answer.report.is_good() && answer.data == main);
    assert_eq!(answer.report.pi_failures(), 32);
}

#[test]
fn nothing_at_all_is_not_a_good_block() {
    // All zeros is a codeword of both codes.
    let answer = EccBlock::default().decode(&Erasures::new(), &DecodeOptions::default());
    assert!(answer.report.sectors.iter().all(Result::is_err));
}

#[test]
fn blocks_may_come_in_any_order_and_twice() {
    let rng = &mut ChaCha8Rng::seed_from_u64(36);
    let order = [0x30000, 0x31000, 0x30000, 0x30000, 0x30010, 0xfcfff0];
    let mains: Vec<_> = order.iter().map(|_| random_main(rng)).collect();
    for gaps in [false, true] {
        let mut runs = Vec::new();
        let mut encoder = Encoder::new();
        for (&psn, main) in order.iter().zip(&mains) {
            let id = SectorId {
                layer: u8::from(psn > 0x800000),
                low_reflectivity: true,
                ..SectorId::new(Psn::new(psn))
            };
            encoder.run_in(if gaps { 4 } else { 0 }, &mut runs);
            encoder.block(id, main, &mut runs);
            if gaps {
                encoder.run_out(4, &mut runs);
                encoder.finish(&mut runs);
                runs.push(0);
            }
        }
        encoder.run_out(1, &mut runs);
        encoder.finish(&mut runs);
        let blocks = decode_in_pieces(rng, &runs);
        let found: Vec<u32> = blocks.iter().map(|b| b.first.value()).collect();
        assert_eq!(found, order, "gaps: {gaps}");
        for (block, main) in blocks.iter().zip(&mains) {
            assert!(block.is_good() && block.data == *main);
            let id = block.id.unwrap();
            assert_eq!((id.psn, id.low_reflectivity), (block.first, true));
            assert_eq!(id.layer == 1, block.first.value() > 0x800000);
        }
    }
}

#[test]
fn lost_and_doubled_stretches_cost_no_sector() {
    // Up to some sync frames at a time, so that the count of frames is at stake too.
    for seed in 100..300 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (mut runs, mains) = stream(rng, 3);
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(4000..runs.len() - 20_000);
            let n = rng.random_range(1..900);
            match rng.random_range(0..4) {
                0 => runs[at..at + n].fill_with(|| rng.random_range(1..16)),
                1 => drop(runs.splice(at..at + n, [0])),
                2 => drop(runs.splice(at..at + n, [])),
                _ => {
                    let again = runs[at..at + n].to_vec();
                    runs.splice(at..at, again);
                }
            }
        }
        let blocks = decode_in_pieces(rng, &runs);
        let good = good_sectors(&blocks, &mains);
        assert_eq!((blocks.len(), good), (3, 48), "seed {seed}");
    }
}
