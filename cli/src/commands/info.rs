//! `disc-hal info`.

use core::fmt::Write as _;

use disc_hal::hal::{Address, Bench, ChannelKind, SourceRole};
use disc_hal::media::{Area, Direction, Layer, Medium};
use disc_hal::record::Session;
use disc_hal_sim::Written;
use serde::Serialize;

use super::{Purpose, options, with_bench};
use crate::args::{Info, Target};
use crate::bench::Opened;
use crate::disc;
use crate::exit::{Code, Failure};
use crate::output;
use crate::place::{self, BLOCK, Free, Recorded};
use crate::progress::Voice;
use crate::selector::Selector;
use crate::table::plain;
use crate::view::sector;

/// A section of the text: a title, and names with values.
#[derive(Debug, Serialize)]
struct Section {
    title: String,
    values: Vec<(String, String)>,
}

impl Section {
    fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), values: Vec::new() }
    }

    fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.values.push((name.into(), value.to_string()));
        self
    }
}

#[derive(Debug, Serialize)]
struct LayerState {
    layer: usize,
    data: Area,
    recorded: Vec<Recorded>,
    free: Free,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    /// Why there are no layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    disc: Option<String>,
    bench: String,
    medium: Medium,
    sections: &'a [Section],
    layers: Vec<LayerState>,
}

/// Shows the bench, its parts, the medium and the disc.
pub(super) fn run(args: &Info, voice: Voice) -> Result<Code, Failure> {
    let (mut bench, medium) = match &args.target {
        Target { bench: Some(Selector::Sim), disc: None, medium, .. } => {
            let (rig, medium) = disc::blank(medium.as_deref(), disc::SEED)?;
            (rig.into(), medium)
        }
        target => Opened::for_reading(target, voice)?,
    };
    let place = bench.disc();
    let source = if bench.written().is_some() { Source::File } else { Source::Bench };
    let (name, value) = bench.settings();
    let mut sections = vec![
        Section::new("bench")
            .with("identity", bench.identity())
            .with("disc", place.as_deref().unwrap_or("a blank simulated disc in memory"))
            .with(name, value),
    ];
    sections.extend(parts(&bench.rig().bench()));
    sections.push(medium_section(&medium));
    // The bench is worth showing though its disc can't be looked at.
    let (written, failure) = match written(&mut bench, &medium, voice) {
        Ok(written) => (Some(written), None),
        Err(failure) => (None, Some(failure)),
    };
    let layers = written.map_or(Ok(Vec::new()), |written| states(&medium, &written))?;
    sections.extend(layers.iter().map(|state| layer_section(&medium, state, source)));
    if args.json {
        let (bench, error) = (bench.identity(), failure.as_ref().map(Failure::what));
        let (schema, command) = (1, "info");
        output::json(&Document { schema, command, error, disc: place, bench, medium, sections: &sections, layers })?;
    } else {
        output::stdout(text(&sections).as_bytes())?;
    }
    failure.map_or(Ok(Code::Pass), Err)
}

/// What is recorded: as the disc file has it, else up to where the bench sees it.
fn written(bench: &mut Opened, medium: &Medium, voice: Voice) -> Result<Vec<Written>, Failure> {
    let known = bench.written();
    let mut options = options(bench);
    // Nothing is driven here.
    options.without_lease = true;
    with_bench(bench, Purpose::Read, voice, |rig, watch| {
        if let Some(known) = known {
            return Ok(known);
        }
        let mut session = Session::open(rig.bench(), medium, options, watch)?;
        let mut written = Vec::new();
        for (layer, l) in medium.layers.iter().enumerate() {
            let area = l.layout.data;
            let free = session.next_free(layer)?.map_or(area.last.saturating_add(1), |free| free.0);
            if free > area.first {
                // Its run-in lies before the area.
                written.push(Written { layer, first: area.first.saturating_sub(BLOCK), last: free - 1 });
            }
        }
        session.close()?;
        Ok(written)
    })
}

fn states(medium: &Medium, written: &[Written]) -> Result<Vec<LayerState>, Failure> {
    let recorded = place::recordings(medium, written);
    let state = |(layer, l): (usize, &Layer)| {
        Ok(LayerState {
            layer,
            data: l.layout.data,
            recorded: recorded.iter().filter(|r| r.layer == layer).cloned().collect(),
            free: place::free(medium, layer, written)?,
        })
    };
    medium.layers.iter().enumerate().map(state).collect()
}

fn text(sections: &[Section]) -> String {
    let width = sections.iter().flat_map(|s| &s.values).map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (i, section) in sections.iter().enumerate() {
        // Writing to a String doesn't fail.
        let _ = writeln!(out, "{}{}", if i > 0 { "\n" } else { "" }, section.title);
        for (name, value) in &section.values {
            let _ = writeln!(out, "  {name:width$}  {}", plain(value));
        }
    }
    out
}

fn nm(value: i32) -> String {
    match value {
        v if v.unsigned_abs() >= 1_000_000 => format!("{} mm", f64::from(v) / 1e6),
        v if v.unsigned_abs() >= 1000 => format!("{} um", f64::from(v) / 1e3),
        v => format!("{v} nm"),
    }
}

fn mw(uw: u32) -> String {
    format!("{} mW", f64::from(uw) / 1e3)
}

fn mhz(hz: u64) -> String {
    format!("{} MHz", hz as f64 / 1e6)
}

fn speed(um_s: u32) -> String {
    format!("{} m/s", f64::from(um_s) / 1e6)
}

fn parts(bench: &Bench<'_>) -> Vec<Section> {
    let lasers = bench.lasers.spec();
    let mut laser = Section::new("laser array");
    for (i, s) in lasers.sources.iter().enumerate() {
        let role = match s.role {
            SourceRole::Record => "records and reads",
            SourceRole::Read => "reads",
            SourceRole::Prepare => "prepares",
            _ => "other",
        };
        laser = laser.with(
            format!("source {i}"),
            format!(
                "{role}, {}, NA {}, read up to {}, write up to {} in steps of {}",
                nm(s.wavelength.0),
                f64::from(s.aperture_milli) / 1000.0,
                mw(s.read_max.0),
                mw(s.write_max.0),
                s.step
            ),
        );
    }
    laser = laser
        .with("all sources", format!("up to {}", mw(lasers.total_max.0)))
        .with("channel clock", format!("{} to {}", mhz(lasers.clock_min.0.into()), mhz(lasers.clock_max.0.into())))
        .with("energy of a shot", format!("up to {} J", lasers.energy_max.0 as f64 / 1e9))
        .with("shots at a time", lasers.queue)
        .with("buffer", format!("{} runs", lasers.buffer_runs));
    let focus = bench.focus.spec();
    let focus = Section::new("focus servo")
        .with("lens travel", format!("{} to {}", nm(focus.travel_min.0), nm(focus.travel_max.0)))
        .with("sweep", format!("up to {} um/s", focus.sweep_max.0))
        .with("offset", format!("up to {} in steps of {}", nm(focus.offset_max.0), nm(focus.offset_step.0)))
        .with("jump", format!("up to {} layers", focus.jump_max));
    let t = bench.tracking.spec();
    let methods = [
        (t.push_pull, "push-pull"),
        (t.differential_push_pull, "differential push-pull"),
        (t.differential_phase, "differential phase"),
    ];
    let methods: Vec<&str> = methods.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    let tracking = Section::new("tracking servo")
        .with("methods", methods.join(", "))
        .with("offset", format!("up to {} in steps of {}", nm(t.offset_max.0), nm(t.offset_step.0)))
        .with("jump", format!("up to {} tracks", t.jump_max));
    let detector_spec = bench.detector.spec();
    let mut detector = Section::new("photodetector");
    for (i, c) in detector_spec.channels.iter().enumerate() {
        let kind = match c.kind {
            ChannelKind::Sum => "sum (RF)",
            ChannelKind::FocusError => "focus error",
            ChannelKind::PushPull => "push-pull",
            _ => "other",
        };
        detector = detector.with(
            format!("channel {i}"),
            format!(
                "{kind} of source {}, up to {}, dark at {} counts, {} counts for a mirror at 1 mW",
                c.source.0,
                mhz(c.rate_max.0.into()),
                c.dark,
                c.reference
            ),
        );
    }
    let detector = detector.with("buffer", format!("{} samples", detector_spec.buffer));
    let s = bench.spindle.spec();
    let spindle = Section::new("spindle and sled")
        .with("speed", format!("{} to {}", speed(s.velocity_min.0), speed(s.velocity_max.0)))
        .with("radius", format!("{} to {}", nm(s.radius_min.0), nm(s.radius_max.0)));
    let electrodes = match &bench.electrodes {
        None => Section::new("electrode supply").with("electrodes", "none"),
        Some(supply) => {
            let mut section = Section::new("electrode supply");
            for (i, e) in supply.spec().electrodes.iter().enumerate() {
                section = section.with(
                    format!("electrode {i}"),
                    format!("{} to {} in steps of {}, up to {}", e.min, e.max, e.step, e.current_max),
                );
            }
            section.with(
                "lease",
                if supply.spec().keeps_lease { "kept" } else { "not kept: stays on when the host is gone" },
            )
        }
    };
    vec![laser, focus, tracking, detector, spindle, electrodes]
}

fn medium_section(medium: &Medium) -> Section {
    Section::new("medium")
        .with("name", &medium.name)
        .with("description", &medium.description)
        .with("layers", medium.layers.len())
        .with("wavelength", nm(medium.wavelength.0))
        .with("track pitch", nm(medium.track_pitch.0))
        .with("speed", speed(medium.velocity.0))
        .with("channel clock", mhz(medium.channel_clock.0.into()))
        .with("read power", mw(medium.read_power.0))
}

/// Whose word it is, what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The disc file, which knows each recording.
    File,
    /// The bench, which sees only where the first blank ECC block is.
    Bench,
}

fn layer_section(medium: &Medium, state: &LayerState, source: Source) -> Section {
    let layer = &medium.layers[state.layer];
    let films: Vec<String> = layer.films.iter().map(|f| format!("{} {:.0} nm", f.material, f.groove.0 * 1e9)).collect();
    let direction = match layer.layout.direction {
        Direction::Outwards => "addresses grow outwards",
        Direction::Inwards => "addresses grow inwards",
    };
    let mut section = Section::new(format!("layer {}", state.layer))
        .with("films from the light", films.join(", "))
        .with("direction", direction)
        .with("test area", layer.layout.test)
        .with("data area", format!("{}, {} sectors", layer.layout.data, layer.layout.data.sectors()))
        .with("write power", format!("{} recommended, beta {}", mw(layer.write.strategy.peak.0), layer.write.beta));
    for r in &state.recorded {
        let (first, blocks) = (sector(r.first), r.blocks);
        let recorded = match source {
            Source::File => format!("data from {first}, {blocks} ECC blocks ({} KiB with padding)", blocks * 32),
            Source::Bench => format!("data from {first}, {blocks} ECC blocks in one recording or several"),
        };
        section = section.with("recorded", recorded);
    }
    if state.recorded.is_empty() {
        section = section.with("recorded", "nothing");
    }
    section.with("free", format!("from {} on, {} bytes", Address(state.free.next), state.free.bytes()))
}
