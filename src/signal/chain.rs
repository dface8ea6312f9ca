//! The read chain: filter, slicer and clock recovery over a stream of RF samples.

use super::{
    BLOCK, CHANNEL_CLOCK_HZ_1X, Edge, Fir, PLL_UNITY_HZ_1X, Pll, PllConfig, PllState, Runs, SLICER_HZ_1X, SignalError,
    Slicer,
};

/// Samples filtered together: input and output stay in the L1 cache.
const CHUNK: usize = 1024;

/// Settings of a [`ReadChain`]; [`ChainConfig::new`] gives the circuit of the standard.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChainConfig {
    /// Samples per second.
    pub sample_rate_hz: f64,
    /// Nominal channel clock, Hz; 26.15625 MHz at 1x. Filter and loops scale with it.
    pub channel_clock_hz: f64,
    /// Equaliser on. Only for a signal that is still to be low-passed here.
    pub equaliser: bool,
    /// Bessel low-pass on. Without it the samples go straight to the slicer.
    pub low_pass: bool,
    /// Closed-loop bandwidth of the slicer, Hz.
    pub slicer_hz: f64,
    /// Open-loop unity-gain frequency of the clock recovery, Hz.
    pub pll_hz: f64,
    /// Largest relative deviation of the clock from nominal, up to 0.04.
    pub clock_range: f64,
    /// Longest run that is not a gap, T.
    pub max_run: u8,
    /// Mean deviation from the slicing level below which there is no signal, counts.
    pub min_amplitude: f32,
}

impl ChainConfig {
    /// The measuring circuit of the standard, scaled to the channel clock.
    #[must_use]
    pub fn new(sample_rate_hz: f64, channel_clock_hz: f64) -> Self {
        let speed = channel_clock_hz / CHANNEL_CLOCK_HZ_1X;
        let pll = PllConfig::new(sample_rate_hz, channel_clock_hz);
        Self {
            sample_rate_hz,
            channel_clock_hz,
            equaliser: true,
            low_pass: true,
            slicer_hz: SLICER_HZ_1X * speed,
            pll_hz: PLL_UNITY_HZ_1X * speed,
            clock_range: pll.range,
            max_run: pll.max_run,
            min_amplitude: 8.0,
        }
    }

    pub(super) fn filter(&self) -> Result<Fir, SignalError> {
        let (fs, clock) = (self.sample_rate_hz, self.channel_clock_hz);
        match (self.low_pass, self.equaliser) {
            (true, true) => Fir::equalised(fs, clock),
            (true, false) => Fir::low_pass(fs, clock),
            (false, false) => Ok(Fir::through(fs)),
            (false, true) => {
                Err(SignalError::Parameter { name: "equaliser", value: 1.0, range: "off without the low-pass" })
            }
        }
    }
}

/// RF samples in, run lengths out.
///
/// The result does not depend on how the capture is cut into blocks.
#[derive(Clone, Debug)]
pub struct ReadChain {
    filter: Fir,
    slicer: Slicer,
    pll: Pll,
    /// History of the filter, then the samples not yet sliced.
    input: Vec<f32>,
    filtered: Vec<f32>,
    pending: usize,
    /// Samples sliced so far.
    done: u64,
}

impl ReadChain {
    /// A chain at rest.
    ///
    /// # Errors
    /// [`SignalError::Rate`] and [`SignalError::Parameter`] for settings that cannot work.
    pub fn new(config: ChainConfig) -> Result<Self, SignalError> {
        let filter = config.filter()?;
        let pll = Pll::new(&PllConfig {
            sample_rate_hz: config.sample_rate_hz,
            channel_clock_hz: config.channel_clock_hz,
            unity_gain_hz: config.pll_hz,
            range: config.clock_range,
            max_run: config.max_run,
        })?;
        let slicer = Slicer::new(config.sample_rate_hz, config.slicer_hz, config.min_amplitude)?;
        let input = vec![0.0; filter.len() - 1 + CHUNK];
        let filtered = vec![0.0; CHUNK];
        Ok(Self { filter, slicer, pll, input, filtered, pending: 0, done: 0 })
    }

    /// Takes any number of samples and appends the runs that end in them.
    ///
    /// Up to 63 samples are held back until the next call or [`ReadChain::finish`].
    pub fn push(&mut self, mut samples: &[i16], out: &mut Runs) {
        let history = self.filter.len() - 1;
        if self.done == 0 && self.pending == 0 {
            // The level of the first sample as history: no step at the start.
            let first = samples.first().copied().unwrap_or_default();
            self.input[..history].fill(first.into());
        }
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(CHUNK - self.pending));
            let fresh = &mut self.input[history + self.pending..];
            for (x, s) in fresh.iter_mut().zip(now) {
                *x = f32::from(*s);
            }
            self.pending += now.len();
            self.process(self.pending / BLOCK * BLOCK, out);
            samples = later;
        }
    }

    /// Processes the samples held back at the end of a capture.
    pub fn finish(&mut self, out: &mut Runs) {
        self.process(self.pending, out);
    }

    /// State of the clock recovery.
    #[must_use]
    pub fn state(&self) -> PllState {
        self.pll.state()
    }

    /// Recovered channel clock over the sample rate, T per sample.
    #[must_use]
    pub fn clock(&self) -> f64 {
        self.pll.clock()
    }

    /// How often the clock was lost after it had been found.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.pll.lost()
    }

    /// The slicer, for its level and amplitude.
    #[must_use]
    pub fn slicer(&self) -> &Slicer {
        &self.slicer
    }

    /// Delay of the filter, samples; positions in [`Runs`] have it taken off already.
    #[must_use]
    pub fn delay_samples(&self) -> f64 {
        self.filter.delay_samples()
    }

    fn process(&mut self, count: usize, out: &mut Runs) {
        if count == 0 {
            return;
        }
        let Self { filter, slicer, pll, input, filtered, .. } = self;
        let history = filter.len() - 1;
        let filtered = &mut filtered[..count];
        filter.run(&input[..history + count], filtered);
        // One edge per sample is the most there can be; far fewer are usual.
        out.reserve(count / 4);
        let delay = filter.delay_samples();
        for (i, block) in filtered.chunks(BLOCK).enumerate() {
            // Exact in f64 for 2^53 samples: two years at 104.625 MS/s.
            let start = (self.done + (i * BLOCK) as u64) as f64;
            slicer.slice(block, |Edge { offset, rising }| {
                let time = start + f64::from(offset);
                if let Some(edge) = pll.edge(time) {
                    out.push(edge, time - delay, rising);
                }
            });
        }
        input.copy_within(count..history + self.pending, 0);
        self.pending -= count;
        self.done += count as u64;
    }
}
