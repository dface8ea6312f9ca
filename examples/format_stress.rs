//! Stress of the channel code: a 100 MB stream with its largest digital sum value, and
//! damaged ECC blocks by the ten thousand at and beyond the limits of correction.
//!
//! `cargo run --release --example format_stress [megabytes] [blocks]`; exits with 1 if
//! anything is not as it must be.

use core::sync::atomic::{AtomicU64, Ordering};
use std::process::ExitCode;
use std::time::Instant;

use disc_hal::format::{
    BLOCK_BYTES, BLOCK_SECTORS, DecodeOptions, Decoder, EccBlock, Encoder, Erasures, Psn,
    ROW_BYTES, ROWS, SECTOR_BYTES, SectorId,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

type Main = Box<[u8; BLOCK_BYTES]>;

fn random_main(rng: &mut ChaCha8Rng) -> Main {
    let mut main: Main = vec![0; BLOCK_BYTES].try_into().expect("the size is equal");
    rng.fill(&mut main[..]);
    main
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

/// Wrong bytes at `n` places of every row.
fn hit_rows(rng: &mut ChaCha8Rng, block: &mut EccBlock, n: impl Fn(&mut ChaCha8Rng) -> usize) {
    for row in block.rows_mut() {
        let n = n(rng);
        for column in pick(rng, n, ROW_BYTES) {
            row[column] ^= rng.random_range(1..=255u8);
        }
    }
}

/// Destroys `n` rows.
fn hit_block(
    rng: &mut ChaCha8Rng,
    block: &mut EccBlock,
    n: usize,
    mut flags: Option<&mut Erasures>,
) {
    for r in pick(rng, n, ROWS) {
        rng.fill(&mut block.rows_mut()[r]);
        if let Some(flags) = &mut flags {
            flags.mark_row(r);
        }
    }
}

#[derive(Default)]
struct Tally {
    whole: AtomicU64,
    good_sectors: AtomicU64,
    wrong_sectors: AtomicU64,
    attempts: AtomicU64,
}

/// Damages and decodes `blocks` blocks.
fn trial(
    name: &str,
    blocks: u64,
    damage: impl Fn(&mut ChaCha8Rng, &mut EccBlock, &mut Erasures) + Sync,
) -> Tally {
    let tally = Tally::default();
    let start = Instant::now();
    (0..blocks).into_par_iter().for_each(|n| {
        let rng = &mut ChaCha8Rng::seed_from_u64(n);
        let main = random_main(rng);
        let first = Psn::new(0x30000 + 16 * rng.random_range(0..100_000));
        let mut block = EccBlock::encode(SectorId::new(first), &main);
        let mut erasures = Erasures::new();
        damage(rng, &mut block, &mut erasures);
        let answer = block.decode(&erasures, &DecodeOptions::default());
        tally
            .attempts
            .fetch_add(u64::from(answer.report.attempts), Ordering::Relaxed);
        for (i, sector) in answer.report.sectors.iter().enumerate() {
            let same = answer.data[SECTOR_BYTES * i..][..SECTOR_BYTES]
                == main[SECTOR_BYTES * i..][..SECTOR_BYTES];
            match sector {
                Ok(id) if same && id.psn == first.plus(i as u32) => {
                    tally.good_sectors.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {
                    tally.wrong_sectors.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
        if answer.report.is_good() && answer.data == main {
            tally.whole.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!(
        "{name}: {} of {blocks} blocks whole, {} of {} sectors good, {} wrong; \
         {:.2} attempts and {:.3} ms a block",
        tally.whole.load(Ordering::Relaxed),
        tally.good_sectors.load(Ordering::Relaxed),
        blocks * BLOCK_SECTORS as u64,
        tally.wrong_sectors.load(Ordering::Relaxed),
        tally.attempts.load(Ordering::Relaxed) as f64 / blocks as f64,
        start.elapsed().as_secs_f64() * 1e3 / blocks as f64,
    );
    tally
}

/// Encodes and decodes a stream; gives the largest |DSV| and whether all was right.
fn long_stream(megabytes: u64) -> (i64, bool) {
    let blocks = (megabytes * 1_000_000).div_ceil(BLOCK_BYTES as u64);
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (mut dsv, mut level, mut peak) = (0i64, 1i64, 0i64);
    let (mut right, mut legal, mut marks) = (0u64, true, 0u64);
    let mut sent = std::collections::VecDeque::new();
    let mut runs = Vec::new();
    for n in 0..=blocks {
        runs.clear();
        if n < blocks {
            let main = match n % 8 {
                0 => Box::new([0; BLOCK_BYTES]),
                1 => Box::new([0xff; BLOCK_BYTES]),
                _ => random_main(rng),
            };
            encoder.block(
                SectorId::new(Psn::new(0x30000 + 16 * n as u32)),
                &main,
                &mut runs,
            );
            sent.push_back(main);
        } else {
            // The last word of a block shows only with what follows it.
            encoder.run_out(1, &mut runs);
            encoder.finish(&mut runs);
        }
        for &run in &runs {
            dsv += level * (i64::from(run) - 1);
            peak = peak.max(dsv.abs());
            level = -level;
            dsv += level;
            legal &= (3..=11).contains(&run) || run == 14;
            marks += u64::from(run == 14);
        }
        let mut done = decoder.push(&runs);
        if n == blocks {
            done.extend(decoder.finish());
        }
        for block in done {
            let clean = block.report.pi_error_rows() == 0;
            right += u64::from(sent.pop_front().is_some_and(|m| m == block.data) && clean);
        }
    }
    println!("{megabytes} MB: largest |DSV| {peak}, {right} of {blocks} blocks decoded");
    (peak, right == blocks && legal && marks == 416 * blocks + 1)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let megabytes = args.next().unwrap_or(100);
    let blocks = args.next().unwrap_or(10_000);
    let mut failed = false;
    let mut must = |what: &str, holds: bool| {
        if !holds {
            println!("FAILED: {what}");
            failed = true;
        }
    };

    let (peak, right) = long_stream(megabytes);
    must("the stream comes back and keeps the run lengths", right);
    must("|DSV| stays below 1000", peak < 1000);

    let sure = |tally: &Tally| tally.wrong_sectors.load(Ordering::Relaxed) == 0;
    let all = |tally: &Tally| tally.whole.load(Ordering::Relaxed) == blocks && sure(tally);
    let t = trial("up to 5 errors in every row", blocks, |rng, block, _| {
        hit_rows(rng, block, |rng| rng.random_range(0..=5));
    });
    must("every block comes back", all(&t));
    let t = trial("5 errors in every row", blocks, |rng, block, _| {
        hit_rows(rng, block, |_| 5)
    });
    must("every block comes back", all(&t));
    let t = trial(
        "up to 16 rows destroyed and flagged",
        blocks,
        |rng, block, flags| {
            let n = rng.random_range(0..=16);
            hit_block(rng, block, n, Some(flags));
        },
    );
    must("every block comes back", all(&t));
    let t = trial(
        "16 rows destroyed and flagged, 5 errors in the others",
        blocks,
        |rng, b, f| {
            hit_rows(rng, b, |_| 5);
            hit_block(rng, b, 16, Some(f));
        },
    );
    must("every block comes back", all(&t));
    let t = trial("16 rows destroyed, not flagged", blocks, |rng, block, _| {
        hit_block(rng, block, 16, None);
    });
    must("no sector is wrong", sure(&t));
    must(
        "99.9 % come back",
        t.whole.load(Ordering::Relaxed) * 1000 >= blocks * 999,
    );
    let t = trial(
        "16 rows destroyed, not flagged, 3 errors in the others",
        blocks,
        |rng, b, _| {
            hit_rows(rng, b, |_| 3);
            hit_block(rng, b, 16, None);
        },
    );
    must("no sector is wrong", sure(&t));
    for (name, flagged, rows) in [
        ("17 rows destroyed and flagged", true, 17..=17),
        ("17 to 60 rows destroyed, not flagged", false, 17..=60),
        ("all rows destroyed", false, ROWS..=ROWS),
    ] {
        let t = trial(name, blocks, |rng, block, flags| {
            let n = rng.random_range(rows.clone());
            hit_block(rng, block, n, flagged.then_some(flags));
        });
        must("no sector is wrong", sure(&t));
        must("no block is whole", t.whole.load(Ordering::Relaxed) == 0);
    }
    for n in [6, 8, 10, 14, 20] {
        let t = trial(
            &format!("{n} errors in every row"),
            blocks / 5,
            |rng, block, _| {
                hit_rows(rng, block, |_| n);
            },
        );
        must("no sector is wrong", sure(&t));
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
