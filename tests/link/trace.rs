//! The last events, told only when an invariant is broken.

/// Events that are remembered.
const DEPTH: usize = 64;

#[derive(Clone, Copy, Default)]
struct Event {
    at: u64,
    text: &'static str,
    a: u64,
    b: u64,
}

pub struct Trace {
    events: [Event; DEPTH],
    count: usize,
    print: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { events: [Event::default(); DEPTH], count: 0, print: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Trace {
    #[inline]
    pub fn note(&mut self, at: u64, text: &'static str, a: u64, b: u64) {
        self.events[self.count % DEPTH] = Event { at, text, a, b };
        self.count += 1;
        for word in [at, text.len() as u64, a, b] {
            self.print = (self.print.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    /// Events so far.
    pub fn count(&self) -> usize {
        self.count
    }

    pub fn print(&self) -> u64 {
        self.print
    }

    pub fn tell(&self) -> String {
        use core::fmt::Write;
        let mut told = String::new();
        for index in self.count.saturating_sub(DEPTH)..self.count {
            let Event { at, text, a, b } = self.events[index % DEPTH];
            let _written = writeln!(told, "  {:>12.3} ms  {text}: {a:#x}, {b}", at as f64 / 1e3);
        }
        told
    }
}
