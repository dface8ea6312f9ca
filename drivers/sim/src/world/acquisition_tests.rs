use super::*;
use crate::disc::{Chunk, Mark};

const SAMPLES: usize = 20_000;

/// A spot that has followed a track with marks on it for 40 steps.
fn capture(channels: Channels) -> Capture {
    Capture::passing(channels, 40, Arc::new(EdgeTable::new(4.0, 146.7e-9, 2.0 * APERTURE / 650e-9)))
}

fn layer() -> LayerState {
    let mark = |i: u32| Mark { start: i * 2437, length: 768 + (i * 211 % 1500) as u16, depth: 140 };
    let mut layer = LayerState::default();
    layer.add(Chunk { start: 256 * 1100, length: 2437 * 400, marks: (0..400).map(mark).collect() });
    layer
}

#[test]
fn samples_are_the_same_whatever_the_reads_and_the_vectors() {
    let (layers, noise) = ([layer()], Noise::new(5));
    for channels in [Channels::one(0), Channels::one(0) | Channels::one(2)] {
        let width = channels.count() as usize;
        let mut whole = vec![0; SAMPLES * width];
        capture(channels).render(0, &mut whole, &layers, noise);
        let mut pieces = capture(channels);
        let mut found = Vec::new();
        for length in [1, 700, 64, 5000, 522, 523, 13_190] {
            let mut part = vec![0; length * width];
            pieces.render((found.len() / width) as u64, &mut part, &layers, noise);
            found.extend(part);
        }
        assert!(found == whole, "in pieces");
        // Compiled for the oldest processor.
        let capture = capture(channels);
        let per_step = 523.125;
        let mut renderer = Renderer::new(&capture, &layers, noise, per_step);
        let mut at = 0;
        for note in &capture.notes {
            let start = note.step as f64 * per_step;
            let upto = ((start + per_step).ceil() as usize).min(SAMPLES);
            let mut part = vec![0; (upto - at) * width];
            renderer.step(note, at as u64, at as f64 - start, &mut part);
            assert!(part == whole[at * width..upto * width], "step {}", note.step);
            at = upto;
        }
    }
}

#[test]
fn the_converter_rounds_and_saturates() {
    for (counts, sample) in [(0.4, 0), (-0.6, -1), (1234.49, 1234), (-9999.7, -10_000)] {
        assert_eq!(converted(counts), sample);
    }
    assert_eq!((converted(1e9), converted(-1e9)), (i16::MAX, i16::MIN));
}
