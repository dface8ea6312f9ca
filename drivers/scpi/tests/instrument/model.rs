//! Outputs with something behind them: the physics of the test instrument.

use std::time::Instant;

/// One output and the cell that hangs on it: a resistance in series with a capacitor
/// that leaks, as a simple electrochromic cell is (see `electrochromic` supplies).
#[derive(Debug, Clone)]
pub struct Output {
    /// Limits of the setting, in volts.
    pub volts: (f64, f64),
    /// Greatest current limit, in amperes.
    pub most_amperes: f64,
    /// One step of the setting, in volts.
    pub step: f64,
    pub on: bool,
    pub set: f64,
    pub limit: f64,
    /// Volts a second; infinite where the output jumps.
    pub slew: f64,
    pub series_ohms: f64,
    pub farads: f64,
    pub leak_ohms: f64,
    /// Charge that has really flowed since it was switched on, in coulombs.
    pub coulombs: f64,
    /// Greatest voltage that was ever at the terminals, of either sign.
    pub most: f64,
    pub limiting: bool,
    target: f64,
    pub terminal: f64,
    pub current: f64,
    cell: f64,
    then: Instant,
}

impl Output {
    pub fn new(volts: (f64, f64), most_amperes: f64, step: f64) -> Self {
        Self {
            volts,
            most_amperes,
            step,
            on: false,
            set: 0.0,
            limit: most_amperes,
            slew: f64::INFINITY,
            series_ohms: 200.0,
            farads: 500e-6,
            leak_ohms: 10_000.0,
            coulombs: 0.0,
            most: 0.0,
            limiting: false,
            target: 0.0,
            terminal: 0.0,
            current: 0.0,
            cell: 0.0,
            then: Instant::now(),
        }
    }

    pub fn switch(&mut self, on: bool) {
        self.live();
        if on && !self.on {
            (self.target, self.coulombs) = (self.set, 0.0);
        }
        self.on = on;
        if !on {
            (self.terminal, self.current, self.limiting) = (0.0, 0.0, false);
        }
    }

    /// Lives until now, in steps of at most a millisecond.
    pub fn live(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.then).as_secs_f64().min(20.0);
        self.then = now;
        let steps = (seconds / 1e-3).ceil().max(1.0);
        let dt = seconds / steps;
        for _ in 0..steps as usize {
            self.step(dt);
        }
    }

    fn step(&mut self, dt: f64) {
        if self.on {
            let way = self.set - self.target;
            self.target += way.clamp(-self.slew * dt, self.slew * dt);
            let wanted = (self.target - self.cell) / self.series_ohms;
            self.limiting = wanted.abs() > self.limit;
            self.current = wanted.clamp(-self.limit, self.limit);
            self.terminal = self.cell + self.current * self.series_ohms;
            self.most = if self.terminal.abs() > self.most.abs() { self.terminal } else { self.most };
            self.coulombs += self.current * dt;
        }
        let leak = self.cell / self.leak_ohms;
        self.cell += (self.current - leak) / self.farads * dt;
    }
}
