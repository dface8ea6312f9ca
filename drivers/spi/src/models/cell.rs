//! An electrochromic cell as a circuit: a resistor, a capacitor, a leak.

/// A capacitor behind a resistor, with a leak across it: the plain circuit of an
/// electrochromic cell at small voltages.
///
/// ```text
/// source ──[ source_ohms ]──●──[ series_ohms ]──┬── capacitor ──┐
///                        electrode              └──[ leak ]─────┴── ground
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellModel {
    /// From the source to the electrode: the shunt.
    pub source_ohms: u32,
    /// Within the cell.
    pub series_ohms: u32,
    /// Capacity in microfarads.
    pub microfarads: u32,
    /// Leak, in ohms.
    pub leak_ohms: u32,
    /// Voltage of the capacitor, in nanovolts.
    pub nanovolts: i64,
}

/// What the cell is fed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Nothing.
    Open,
    /// A voltage, in microvolts.
    Voltage(i32),
    /// A resistor to ground, in ohms, besides the source's.
    Grounded(u32),
}

/// Steps of one stretch of time.
const STEPS: i64 = 32;

impl CellModel {
    fn path(&self, feed: Feed) -> (i64, i64) {
        let ohms = i64::from(self.source_ohms) + i64::from(self.series_ohms);
        match feed {
            Feed::Open => (0, i64::MAX),
            Feed::Voltage(microvolts) => (i64::from(microvolts) * 1_000, ohms.max(1)),
            Feed::Grounded(more) => (0, (ohms + i64::from(more)).max(1)),
        }
    }

    /// Current into the cell, in nanoamperes.
    pub fn current(&self, feed: Feed) -> i64 {
        let (nanovolts, ohms) = self.path(feed);
        if ohms == i64::MAX { 0 } else { (nanovolts - self.nanovolts) / ohms }
    }

    /// Voltage at the electrode, in microvolts.
    pub fn voltage(&self, feed: Feed) -> i32 {
        let nanovolts = self.nanovolts.saturating_add(self.current(feed).saturating_mul(i64::from(self.series_ohms)));
        i32::try_from(nanovolts / 1_000).unwrap_or(i32::MAX)
    }

    /// Lets time pass. Implicit steps: however long, it ends at the final voltage and never
    /// beyond.
    pub fn pass(&mut self, feed: Feed, ns: u64) {
        let (target, ohms) = self.path(feed);
        let step = i64::try_from(ns).unwrap_or(i64::MAX).min(1 << 50) / STEPS;
        // Ohms by microfarads are microseconds.
        let tau = |ohms: i64| i128::from(ohms) * i128::from(self.microfarads.max(1)) * 1_000;
        let leak = tau(i64::from(self.leak_ohms.max(1)));
        for _ in 0..STEPS {
            let (step, now) = (i128::from(step), i128::from(self.nanovolts));
            // now + step (target - next) / tau - step next / leak = next
            let (above, below) = if ohms == i64::MAX {
                (now * leak, leak + step)
            } else {
                let tau = tau(ohms);
                // In millionths, lest the products overflow.
                let (fed, lost) = (step * 1_000_000 / tau.max(1), step * 1_000_000 / leak);
                (now * 1_000_000 + fed * i128::from(target), 1_000_000 + fed + lost)
            };
            self.nanovolts = i64::try_from(above / below.max(1)).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 kOhm and 100 uF: after one time constant of 0.1 s, 1 - 1/e of the voltage.
    #[test]
    fn it_charges_exponentially() {
        let mut cell =
            CellModel { source_ohms: 100, series_ohms: 900, microfarads: 100, leak_ohms: u32::MAX, nanovolts: 0 };
        let feed = Feed::Voltage(1_000_000);
        assert_eq!((cell.current(feed), cell.voltage(feed)), (1_000_000, 900_000));
        for _ in 0..100 {
            cell.pass(feed, 1_000_000);
        }
        let share = cell.nanovolts as f64 * 1e-9;
        assert!((share - (1.0 - (-1.0f64).exp())).abs() < 0.002, "{share}");
        assert!((cell.current(feed) as f64 * 1e-6 - (-1.0f64).exp()).abs() < 0.002);
        cell.pass(feed, 100_000_000_000);
        assert!((cell.nanovolts - 1_000_000_000).abs() < 2_000_000, "{}", cell.nanovolts);
        let before = cell.nanovolts;
        cell.pass(Feed::Open, 1_000_000_000);
        assert!((before - cell.nanovolts).abs() < 10_000_000);
    }
}
