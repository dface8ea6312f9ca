//! From measured edge shifts to the next strategy table.
//!
//! The table has 18 entries: the start of the first pulse by (mark, space before) and the
//! end of the last one by (mark, space after). Edges are measured in the same classes, so
//! W2 = W1 - S^-1 (measured - target) with target 0, S the sensitivity of the edges to the
//! table. (Adaptive tables corrected by mean edge timing: US8159919, US8154968, US8879373.)
//!
//! S is far from 1: the end of a lone pulse moves the trailing edge by more than itself,
//! and the place of a short last pulse behind a long mark hardly moves it. It is found by
//! probes, one for each of the six groups (starts and ends of 3T, 4T and longer marks), of
//! which all entries are moved at once: how far the group's own edges follow, and how far
//! those at the other end of the same marks. Single entries of a group follow alike.

use crate::hal::WriteStrategy;
use crate::signal::ClassShifts;

/// Entries of the table.
const ENTRIES: usize = 18;
/// Steps that an edge has to be off before its entry moves: more than the half step of
/// rounding, so that noise doesn't move what is right.
const DEAD: f64 = 0.6;
/// Most steps that an entry moves at a time.
const MOST: f64 = 8.0;
/// Moves up to here aren't damped: rounding would keep them from happening.
const SMALL: f64 = 2.0;
/// Edges without which the mean of a class isn't believed.
const LEAST_EDGES: u64 = 40;
/// Shift of a class that its noise may make, steps.
const NOISE: f64 = 0.25;
/// Squared length of a predicted move of a group's edges, steps, from which on it says
/// something about S.
const TELLING: f64 = 4.0;
/// Bounds of a sensitivity that can be meant.
const SENSITIVITY: (f64, f64) = (0.12, 4.0);
/// Groups: starts by mark, then ends by mark.
pub(super) const GROUPS: usize = 6;
/// Farthest that an entry may get from where it started, steps.
const REACH: f64 = 32.0;

/// One number for each entry: `[mark][space before]` of the leading edges, then
/// `[mark][space after]` of the trailing ones.
pub(super) type Entries = [f64; ENTRIES];

/// The table of a strategy, steps of T/32.
pub(super) fn table(strategy: &WriteStrategy) -> Entries {
    core::array::from_fn(|i| {
        let (m, s) = (i % 9 / 3, i % 3);
        f64::from(if i < 9 { strategy.lead[m][s] } else { strategy.trail[m][s] })
    })
}

/// A strategy with another table; what doesn't fit an entry is cut to its limits.
pub(super) fn with_table(mut strategy: WriteStrategy, entries: &Entries) -> WriteStrategy {
    for (i, value) in entries.iter().enumerate() {
        let (m, s) = (i % 9 / 3, i % 3);
        let value = value.round().clamp(f64::from(i8::MIN), f64::from(i8::MAX)) as i8;
        if i < 9 {
            strategy.lead[m][s] = value;
        } else {
            strategy.trail[m][s] = value;
        }
    }
    strategy
}

/// Mean shift of each class in steps, and its edges; classes with too few edges have none.
/// What all leading or all trailing edges have in common isn't in it: clock and slicer take
/// that out.
pub(super) fn shifts(classes: &ClassShifts) -> [(Option<f64>, u64); ENTRIES] {
    let steps = f64::from(WriteStrategy::STEPS_PER_BIT);
    core::array::from_fn(|i| {
        let (m, s) = (i % 9 / 3, i % 3);
        // Leading edges are counted by the space before, then the mark.
        let (mean, count) = if i < 9 {
            (classes.leading_t[s][m], classes.leading_count[s][m])
        } else {
            (classes.trailing_t[m][s], classes.trailing_count[m][s])
        };
        (mean.filter(|_| count >= LEAST_EDGES).map(|t| t * steps), count)
    })
}

/// Root mean square of the class means over all edges, T: the part of the jitter that a
/// table can take away.
pub(super) fn rms_shift_t(classes: &ClassShifts) -> f64 {
    let all = shifts(classes);
    let edges: u64 = all.iter().map(|s| s.1).sum();
    let squares: f64 = all.iter().filter_map(|(mean, n)| Some(mean.as_ref()?.powi(2) * *n as f64)).sum();
    (squares / edges.max(1) as f64).sqrt() / f64::from(WriteStrategy::STEPS_PER_BIT)
}

/// Shifts of all classes in steps, with their edges.
pub(super) type Shifts = [(Option<f64>, u64); ENTRIES];

/// A table with all entries of a group moved.
pub(super) fn probe(entries: &Entries, group: usize, by: f64) -> Entries {
    core::array::from_fn(|i| entries[i] + if i / 3 == group { by } else { 0.0 })
}

/// The group of the other ends of the same marks.
const fn partner(group: usize) -> usize {
    (group + 3) % GROUPS
}

/// How the edges follow the table, and the next table from that.
#[derive(Debug, Clone)]
pub(super) struct Corrector {
    /// How far a group's own edges follow its entries.
    own: [f64; GROUPS],
    /// How far the edges at the other end of the same marks do.
    cross: [f64; GROUPS],
    start: Entries,
}

impl Corrector {
    /// Before any probe: every edge follows its own entry.
    pub(super) fn new(start: Entries) -> Self {
        Self { own: [1.0; GROUPS], cross: [0.0; GROUPS], start }
    }

    /// How far edges follow the table: starts by mark, ends by mark.
    pub(super) fn sensitivity(&self) -> [f64; GROUPS] {
        self.own
    }

    /// Takes in what a probe did: the shifts before and after moving a group by `by` steps.
    pub(super) fn probed(&mut self, group: usize, by: f64, before: &Shifts, after: &Shifts) {
        // What clock and slicer took out of all is seen in the marks that weren't moved.
        let relative = |of: usize| {
            let half = of / 3;
            let changes = |g: usize| (3 * g..3 * g + 3).filter_map(|i| Some(after[i].0? - before[i].0?));
            let others: Vec<f64> = (3 * half..3 * half + 3).filter(|&g| g != of).flat_map(changes).collect();
            let own: Vec<f64> = changes(of).collect();
            (!own.is_empty() && !others.is_empty()).then(|| (mean(&own) - mean(&others)) / by)
        };
        if let Some(own) = relative(group) {
            self.own[group] = own.clamp(SENSITIVITY.0, SENSITIVITY.1);
        }
        if let Some(cross) = relative(partner(group)) {
            self.cross[group] = cross.clamp(-2.0, 2.0);
        }
    }

    /// Takes in what a correction did: where a group's edges followed by more or less than
    /// was predicted, its sensitivity changes, half the way and at most by a third.
    pub(super) fn followed(&mut self, moved: &Entries, before: &Shifts, after: &Shifts) {
        for group in 0..GROUPS {
            let entries = 3 * group..3 * group + 3;
            let pairs: Vec<(f64, f64)> =
                entries.filter_map(|i| Some((self.own[group] * moved[i], after[i].0? - before[i].0?))).collect();
            // Only what differs within the group: the rest may be clock and slicer.
            let predicted = mean(&pairs.iter().map(|p| p.0).collect::<Vec<_>>());
            let seen = mean(&pairs.iter().map(|p| p.1).collect::<Vec<_>>());
            let length: f64 = pairs.iter().map(|p| (p.0 - predicted).powi(2)).sum();
            if pairs.len() == 3 && length > TELLING {
                let along: f64 = pairs.iter().map(|p| (p.0 - predicted) * (p.1 - seen)).sum();
                let factor = (0.5 + 0.5 * along / length).clamp(0.75, 1.33);
                self.own[group] = (self.own[group] * factor).clamp(SENSITIVITY.0, SENSITIVITY.1);
            }
        }
    }

    /// The next table after `table` gave the shifts `measured`, with corrections beyond two
    /// steps damped; `None` when no entry moves.
    pub(super) fn next(&self, table: &Entries, measured: &Shifts, damping: f64) -> Option<Entries> {
        // What all starts or all ends have in common is free, for clock, slicer and power
        // take it out: it is chosen such that the entries move least.
        let plain = self.moves(measured, 0.0, 0.0);
        let starts = difference(&self.moves(measured, 1.0, 0.0), &plain);
        let ends = difference(&self.moves(measured, 0.0, 1.0), &plain);
        let (ss, ee, se) = (dot(&starts, &starts), dot(&ends, &ends), dot(&starts, &ends));
        let (ps, pe) = (dot(&plain, &starts), dot(&plain, &ends));
        let det = ss * ee - se * se;
        let (x, y) = if det > 1e-9 { ((pe * se - ps * ee) / det, (ps * se - pe * ss) / det) } else { (0.0, 0.0) };
        let next: Entries = core::array::from_fn(|i| {
            let wanted = plain[i] + x * starts[i] + y * ends[i];
            // A class that can't be seen stays as it is, and so does what is right within
            // rounding and noise.
            let Some(shift) = measured[i].0 else { return table[i] };
            if wanted.abs() < DEAD || (shift.abs() < NOISE && wanted.abs() < SMALL) {
                return table[i];
            }
            let step = if wanted.abs() > SMALL { damping * wanted } else { wanted };
            (table[i] + step.clamp(-MOST, MOST)).round().clamp(self.start[i] - REACH, self.start[i] + REACH)
        });
        (next != *table).then_some(next)
    }

    /// The table with which all marks end `by` steps later.
    pub(super) fn later_ends(&self, table: &Entries, by: f64) -> Entries {
        let moves = self.moves(&[(Some(0.0), 0); ENTRIES], 0.0, by);
        core::array::from_fn(|i| (table[i] + moves[i]).round())
    }

    /// What the entries would have to move by for all shifts to be `start` and `end`.
    fn moves(&self, measured: &Shifts, start: f64, end: f64) -> Entries {
        let mut moves = [0.0; ENTRIES];
        for mark in 0..3 {
            let (a, c) = (self.own[mark], self.own[mark + 3]);
            let (mut d, mut b) = (self.cross[mark], self.cross[mark + 3]);
            if (a * c - b * d).abs() < 0.4 * a * c {
                // Hardly to be told apart: each by itself.
                (b, d) = (0.0, 0.0);
            }
            let off = |i: usize, goal: f64| goal - measured[i].0.unwrap_or(0.0);
            let share = |first: usize, goal: f64| {
                let all: f64 = (first..first + 3).map(|i| measured[i].1 as f64).sum();
                (first..first + 3).map(|i| off(i, goal) * measured[i].1 as f64).sum::<f64>() / all.max(1.0)
            };
            let (lead, trail) = (3 * mark, 9 + 3 * mark);
            let (l, t) = (share(lead, start), share(trail, end));
            let det = a * c - b * d;
            let (mean_lead, mean_trail) = ((l * c - b * t) / det, (a * t - d * l) / det);
            for s in 0..3 {
                moves[lead + s] = (off(lead + s, start) - b * mean_trail) / a;
                moves[trail + s] = (off(trail + s, end) - d * mean_lead) / c;
            }
        }
        moves
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn dot(a: &Entries, b: &Entries) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn difference(a: &Entries, b: &Entries) -> Entries {
    core::array::from_fn(|i| a[i] - b[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Edges that follow the table linearly: their own entries, and the mean entry at the
    /// other end of the same marks, about the right table, with noise, less what clock and
    /// slicer take out.
    struct Disc {
        right: Entries,
        own: [f64; GROUPS],
        cross: [f64; GROUPS],
        noise: f64,
        rng: ChaCha8Rng,
    }

    impl Disc {
        fn new(own: [f64; GROUPS], cross: [f64; GROUPS], noise: f64, seed: u64) -> Self {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let right = core::array::from_fn(|i| if i < 9 { 42.0 } else { -38.0 } + rng.random_range(-6.0..6.0));
            Self { right, own, cross, noise, rng }
        }

        fn shifts(&mut self, table: &Entries) -> Shifts {
            let off = difference(table, &self.right);
            let mut raw: Entries = core::array::from_fn(|i| {
                let other = partner(i / 3);
                self.own[i / 3] * off[i] + self.cross[other] * mean(&off[3 * other..3 * other + 3])
            });
            let mut gauss = || (0..12).map(|_| self.rng.random::<f64>()).sum::<f64>() - 6.0;
            raw.iter_mut().for_each(|r| *r += self.noise * gauss());
            for half in raw.chunks_mut(9) {
                let common = mean(half);
                half.iter_mut().for_each(|r| *r -= common);
            }
            raw.map(|r| (Some(r), 1000))
        }

        /// What is left, without the noise.
        fn worst(&mut self, table: &Entries) -> f64 {
            let noise = core::mem::take(&mut self.noise);
            let worst = self.shifts(table).iter().filter_map(|s| s.0).fold(0.0f64, |w, s| w.max(s.abs()));
            self.noise = noise;
            worst
        }

        /// Probes and corrects until nothing moves; the table and the iterations.
        fn correct(&mut self, start: Entries) -> (Entries, u32, Corrector) {
            let mut corrector = Corrector::new(start);
            let before = self.shifts(&start);
            for group in 0..GROUPS {
                let after = self.shifts(&probe(&start, group, 3.0));
                corrector.probed(group, 3.0, &before, &after);
            }
            let (mut entries, mut seen, mut rounds) = (start, before, 0);
            while let Some(next) = corrector.next(&entries, &seen, 0.8) {
                let after = self.shifts(&next);
                corrector.followed(&difference(&next, &entries), &seen, &after);
                (entries, seen, rounds) = (next, after, rounds + 1);
                assert!(rounds <= 20, "no end: {corrector:?}");
            }
            (entries, rounds, corrector)
        }
    }

    fn start() -> Entries {
        core::array::from_fn(|i| if i < 9 { 40.0 } else { -40.0 })
    }

    /// As the simulated discs do, and simpler ones.
    const DISCS: [([f64; GROUPS], [f64; GROUPS]); 5] = [
        ([1.0; GROUPS], [0.0; GROUPS]),
        ([0.6; GROUPS], [0.0; GROUPS]),
        ([1.1, 1.0, 1.0, 2.8, 0.3, 0.35], [1.0, 0.8, 0.1, -1.4, -0.1, 0.0]),
        ([1.1, 1.0, 1.0, 2.8, 1.6, 0.4], [1.0, 0.4, 0.1, -1.5, 0.0, 0.0]),
        ([1.4; GROUPS], [-0.3; GROUPS]),
    ];

    #[test]
    fn tables_go_to_entries_and_back() {
        let strategy = crate::media::Medium::load("dual-layer").unwrap().layers[1].write.strategy;
        let entries = table(&strategy);
        assert_eq!((entries[2], entries[12]), (f64::from(strategy.lead[0][2]), f64::from(strategy.trail[1][0])));
        assert_eq!(with_table(strategy, &entries), strategy);
        // Leading edges are measured by [space][mark], the table is [mark][space].
        let mut classes = ClassShifts::default();
        classes.leading_t[2][0] = Some(0.25);
        classes.leading_count[2][0] = 100;
        classes.trailing_t[1][0] = Some(-0.5);
        classes.trailing_count[1][0] = 300;
        let shifts = shifts(&classes);
        assert_eq!((shifts[2], shifts[12]), ((Some(8.0), 100), (Some(-16.0), 300)));
        let rms = ((100.0 * 0.25f64.powi(2) + 300.0 * 0.25) / 400.0).sqrt();
        assert!((rms_shift_t(&classes) - rms).abs() < 1e-12);
    }

    #[test]
    fn a_linear_disc_is_right_within_rounding_after_a_few_iterations() {
        for (own, cross) in DISCS {
            for seed in 0..20 {
                let mut disc = Disc::new(own, cross, 0.1, seed);
                let before = disc.worst(&start());
                let (entries, rounds, _) = disc.correct(start());
                let after = disc.worst(&entries);
                // A step of the table moves the edge by the greatest sensitivity.
                let step = own.iter().fold(1.0f64, |a, b| a.max(*b));
                println!("own {own:?} seed {seed}: {before:.1} -> {after:.2} steps in {rounds} iterations");
                assert!(after < 0.8 * step + 0.4, "own {own:?} seed {seed}: {before:.1} -> {after:.2}");
            }
        }
    }

    #[test]
    fn probes_find_the_sensitivities() {
        let (own, cross) = DISCS[2];
        for seed in 0..10 {
            let (.., corrector) = Disc::new(own, cross, 0.05, seed).correct(start());
            for (found, truth) in corrector.own.iter().zip(own) {
                assert!((found / truth - 1.0).abs() < 0.35, "seed {seed}: {:?}", corrector.own);
            }
        }
    }

    #[test]
    fn a_sensitivity_that_changed_is_learnt_on_the_way() {
        let (mut disc, truth) = (Disc::new([0.5; GROUPS], [0.0; GROUPS], 0.05, 3), 0.5);
        let (mut entries, mut corrector) = (start(), Corrector::new(start()));
        let mut seen = disc.shifts(&entries);
        while let Some(next) = corrector.next(&entries, &seen, 0.8) {
            let after = disc.shifts(&next);
            corrector.followed(&difference(&next, &entries), &seen, &after);
            (entries, seen) = (next, after);
        }
        let learnt = mean(&corrector.own);
        assert!((truth - 0.1..0.95).contains(&learnt) && disc.worst(&entries) < 1.0, "{:?}", corrector.own);
    }

    #[test]
    fn noise_does_not_make_a_right_table_wander() {
        for (own, cross) in DISCS {
            for seed in 0..10 {
                let mut disc = Disc::new(own, cross, 0.08, seed);
                let right: Entries = disc.right.map(f64::round);
                disc.right = right;
                let corrector = Corrector { own, cross, start: right };
                let mut entries = right;
                for _ in 0..100 {
                    let seen = disc.shifts(&entries);
                    entries = corrector.next(&entries, &seen, 0.8).unwrap_or(entries);
                }
                let worst = disc.worst(&entries);
                assert!(worst < 0.6, "own {own:?} seed {seed}: {worst:.2} steps by noise alone");
            }
        }
    }

    #[test]
    fn a_class_that_was_not_seen_stays_as_it_is() {
        let mut disc = Disc::new([1.0; GROUPS], [0.0; GROUPS], 0.0, 1);
        let mut shifts = disc.shifts(&start());
        shifts[4].0 = None;
        let next = Corrector::new(start()).next(&start(), &shifts, 0.8).unwrap();
        assert_eq!(next[4], start()[4]);
        assert!(next.iter().zip(start()).filter(|(a, b)| **a != *b).count() > 10);
    }
}
