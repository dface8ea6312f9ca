//! The host half, a faulty link and the device half together: see `link`.

mod link;

use link::{Counts, Settings};

/// Runs seeds, and panics with the story of the first broken invariant.
fn run(seeds: core::ops::Range<u64>, settings: impl Fn(u64) -> Settings) -> Counts {
    let mut counts = Counts::default();
    for seed in seeds {
        let run = link::run_with(settings(seed));
        if let Some(violation) = run.violation {
            panic!("{violation}");
        }
        counts.add(&run.counts);
    }
    counts
}

#[test]
fn nothing_goes_wrong_on_a_perfect_link() {
    let counts = run(0..40, |seed| Settings { time: 10_000_000, ..Settings::perfect(seed) });
    println!("{counts}");
    assert_eq!(counts.faults(), counts.offs);
    assert!(counts.done > 100 && counts.samples > 10_000, "{counts}");
}

#[test]
fn no_fault_of_the_link_breaks_an_invariant() {
    let counts = run(0..300, Settings::of);
    println!("{counts}");
}

#[test]
fn a_seed_is_the_same_every_time() {
    for seed in 0..20 {
        let (a, b) = (link::run(seed), link::run(seed));
        assert_eq!((a.print, a.counts), (b.print, b.counts), "seed {seed}");
    }
}
