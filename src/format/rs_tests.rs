use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::columns;
use super::*;

fn random_word<const N: usize, const R: usize>(
    code: &ReedSolomon<N, R>,
    rng: &mut ChaCha8Rng,
) -> [u8; N] {
    let mut word = [0; N];
    rng.fill(&mut word[..N - R]);
    let parity = code.divide(&word[..N - R]);
    word[N - R..].copy_from_slice(&ReedSolomon::<N, R>::unpack(parity));
    word
}

/// The remainder of a whole codeword: zero if and only if it is one.
fn remainder<const N: usize, const R: usize>(code: &ReedSolomon<N, R>, word: &[u8; N]) -> u128 {
    let parity = word[N - R..]
        .iter()
        .fold(0, |acc, &b| acc << 8 | u128::from(b));
    code.divide(&word[..N - R]) ^ parity
}

/// Compares encoding and decoding with the `reed-solomon` crate, within the limits and
/// beyond them.
fn against_the_oracle<const N: usize, const R: usize>(seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let code = ReedSolomon::<N, R>::new();
    let encoder = reed_solomon::Encoder::new(R);
    let decoder = reed_solomon::Decoder::new(R);
    let (mut fixed, mut refused) = (0, 0);
    for round in 0..3000 {
        let word = random_word(&code, rng);
        assert_eq!(&encoder.encode(&word[..N - R])[..], &word);
        assert_eq!(remainder(&code, &word), 0);
        let erased = rng.random_range(0..=R);
        let beyond = if round % 10 == 0 { 3 } else { 0 };
        let errors = rng.random_range(0..=(R - erased) / 2) + beyond;
        let mut places: Vec<u8> = (0..N as u8).collect();
        for i in 0..erased + errors {
            let j = rng.random_range(i..N);
            places.swap(i, j);
        }
        let mut bad = word;
        for &p in &places[..erased] {
            bad[usize::from(p)] = rng.random();
        }
        for &p in &places[erased..erased + errors] {
            bad[usize::from(p)] ^= rng.random_range(1..=255u8);
        }
        let ours = code
            .locate(remainder(&code, &bad), &places[..erased])
            .map(|found| {
                let mut word = bad;
                found.iter().for_each(|(p, v)| word[p] ^= v);
                word
            });
        if beyond == 0 {
            assert_eq!(ours, Some(word), "{erased} erasures, {errors} errors");
            let theirs = decoder.correct(&bad, Some(&places[..erased])).unwrap();
            assert_eq!(&theirs[..], &word);
            fixed += 1;
        } else if let Some(wrong) = ours {
            // Beyond the limits only another codeword near by may come out.
            assert_eq!(remainder(&code, &wrong), 0);
            let changed = places[erased..]
                .iter()
                .filter(|&&p| wrong[usize::from(p)] != bad[usize::from(p)]);
            assert!(2 * changed.count() + erased <= R);
        } else {
            refused += 1;
        }
    }
    assert_eq!(fixed, 2700);
    assert!(refused > 0);
}

#[test]
fn inner_parity_agrees_with_the_reed_solomon_crate() {
    against_the_oracle::<182, 10>(1);
}

#[test]
fn outer_parity_agrees_with_the_reed_solomon_crate() {
    against_the_oracle::<208, 16>(2);
}

#[test]
fn columns_agree_with_single_codewords() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let mut rows = [[0u8; columns::ROW]; 192];
    rng.fill(rows.as_flattened_mut());
    let mut parity = [[0; columns::ROW]; columns::PO];
    columns::outer_parity(&rows, &mut parity);
    let mut inner = [[0; columns::HEIGHT]; columns::PI];
    columns::inner_parity(&rows, &mut inner);
    let code = ReedSolomon::<182, 10>::new();
    for (r, row) in rows.iter().enumerate() {
        let expected = ReedSolomon::<182, 10>::unpack(code.divide(&row[..172]));
        let got: Vec<u8> = inner.iter().map(|symbol| symbol[r]).collect();
        assert_eq!(got, expected, "row {r}");
    }
    let code = ReedSolomon::<208, 16>::new();
    for c in 0..columns::ROW {
        let column: Vec<u8> = rows.iter().map(|row| row[c]).collect();
        let expected = ReedSolomon::<208, 16>::unpack(code.divide(&column));
        let got: Vec<u8> = parity.iter().map(|row| row[c]).collect();
        assert_eq!(got, expected, "column {c}");
    }
}
