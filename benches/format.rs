//! Speed of the channel code, one core: medians of timed rounds.
//!
//! `cargo bench --bench format`. Rates are of user data; 1x is the DVD reading speed of
//! 1.385 MB/s (26.15625 Mbit/s of channel bits).

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use disc_hal::format::{
    BLOCK_BYTES, DecodeOptions, Decoder, EccBlock, Encoder, Erasures, Psn, SectorId, edc,
};

const ROUNDS: usize = 15;
const REAL_TIME: f64 = 1.385e6;

/// Median time of one call, and its print-out.
fn measure(name: &str, bytes: usize, mut work: impl FnMut()) {
    // `cargo bench --bench format -- runs` takes the lines with "runs" only.
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    if wanted.is_some_and(|w| !name.contains(&w)) {
        return;
    }
    work();
    // About 10 ms a round.
    let start = Instant::now();
    work();
    let once = start.elapsed().max(Duration::from_nanos(100));
    let calls = (Duration::from_millis(10).as_secs_f64() / once.as_secs_f64()).ceil() as u32;
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| work());
            start.elapsed().as_secs_f64() / f64::from(calls)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, rate) = (times[ROUNDS / 2], bytes as f64 / times[ROUNDS / 2]);
    println!(
        "{name:34} {:9.2} us [{:.2}..{:.2}]  {:8.1} MB/s  {:7.0}x",
        median * 1e6,
        times[0] * 1e6,
        times[ROUNDS - 1] * 1e6,
        rate / 1e6,
        rate / REAL_TIME,
    );
}

fn main() {
    let first = SectorId::new(Psn::DATA_START);
    let mut state = 1u32;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut main = Box::new([0u8; BLOCK_BYTES]);
    main.iter_mut().for_each(|b| *b = random() as u8);
    let clean = EccBlock::encode(first, &main);
    let none = Erasures::new();
    let options = DecodeOptions::default();

    let mut block = clean.clone();
    measure("ECC parity of a block", BLOCK_BYTES, || {
        black_box(&mut block).add_parity()
    });
    measure("data frames and ECC of a block", BLOCK_BYTES, || {
        black_box(&mut block).fill(first, &main);
    });
    assert!(block == clean);
    measure("check of a clean block, PI and PO", BLOCK_BYTES, || {
        assert!(black_box(&block).is_clean());
    });
    measure("decoding of a clean block", BLOCK_BYTES, || {
        let answer = black_box(&mut block).decode(&none, &options);
        assert!(answer.report.is_good());
    });
    measure("error detection code of a sector", 2060, || {
        black_box(edc(black_box(&main[..2060])));
    });

    let mut bad = clean.clone();
    for row in bad.rows_mut() {
        for part in 0..4 {
            row[45 * part + random() as usize % 45] ^= 1 + (random() % 255) as u8;
        }
    }
    measure("decoding, 4 errors in every row", BLOCK_BYTES, || {
        block.rows_mut().copy_from_slice(bad.rows());
        assert!(
            black_box(&mut block)
                .decode(&none, &options)
                .report
                .is_good()
        );
    });
    let mut flags = Erasures::new();
    let mut bad = clean.clone();
    for r in (3..208).step_by(13) {
        bad.rows_mut()[r].fill(0x5a);
        flags.mark_row(r);
    }
    measure("decoding, 16 rows erased", BLOCK_BYTES, || {
        block.rows_mut().copy_from_slice(bad.rows());
        assert!(
            black_box(&mut block)
                .decode(&flags, &options)
                .report
                .is_good()
        );
    });

    let mut encoder = Encoder::new();
    let mut runs = Vec::new();
    measure("recording code of an ECC block", BLOCK_BYTES, || {
        runs.clear();
        encoder.ecc_block(black_box(&clean), &mut runs);
    });
    measure("bytes to runs, all of it", BLOCK_BYTES, || {
        runs.clear();
        encoder.block(first, black_box(&main), &mut runs);
    });

    const BLOCKS: u32 = 8;
    runs.clear();
    for n in 0..BLOCKS {
        encoder.block(first.at(Psn::DATA_START.plus(16 * n)), &main, &mut runs);
    }
    encoder.finish(&mut runs);
    let total = BLOCKS as usize * BLOCK_BYTES;
    measure("runs to bytes, all of it, 8 blocks", total, || {
        let mut decoder = Decoder::new();
        let mut blocks = decoder.push(black_box(&runs));
        blocks.extend(decoder.finish());
        assert!(blocks.len() == BLOCKS as usize && blocks.iter().all(|b| b.is_good()));
    });
    for run in runs.iter_mut().step_by(200) {
        *run ^= 1;
    }
    measure("the same, every 200th run wrong", total, || {
        let mut decoder = Decoder::new();
        let mut blocks = decoder.push(black_box(&runs));
        blocks.extend(decoder.finish());
        assert!(blocks.len() == BLOCKS as usize);
    });
}
