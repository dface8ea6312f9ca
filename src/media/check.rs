//! The rules that a medium description must keep.

use super::{Area, Body, Direction, Film, FilmRole, Layer, Medium};
use crate::hal::{Nanometres, WriteStrategy};

type Check = Result<(), String>;

pub(super) fn need(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

/// Within `low..=high`; false for a NaN.
pub(super) fn within(value: f64, low: f64, high: f64) -> bool {
    (low..=high).contains(&value)
}

pub(super) fn medium(m: &Medium) -> Check {
    let electrochromic = m.is_electrochromic();
    let most = if electrochromic { 8 } else { 2 };
    need((1..=most).contains(&m.layers.len()), || {
        let (count, kind) = (m.layers.len(), if electrochromic { "electrochromic " } else { "" });
        format!("it has {count} {kind}layers, and 1 to {most} can be described")
    })?;
    need((300..=1600).contains(&m.wavelength.0), || {
        format!("wavelength {} is not between 300 nm and 1600 nm", m.wavelength)
    })?;
    need((100..=5000).contains(&m.track_pitch.0), || {
        format!("track_pitch {} is not between 100 nm and 5 um", m.track_pitch)
    })?;
    need(m.velocity.0 > 0 && m.channel_clock.0 > 0, || "velocity and channel_clock must be above zero".into())?;
    need(within(m.channel_bit(), 30e-9, 1e-6), || {
        format!(
            "velocity {} at a channel clock of {} makes channel bits of {:.1} nm, and 30 nm to 1 um are possible",
            m.velocity,
            m.channel_clock,
            m.channel_bit() * 1e9
        )
    })?;
    need((1..=5000).contains(&m.read_power.0), || format!("read_power {} is not between 1 uW and 5 mW", m.read_power))?;
    body("cover", &m.cover)?;
    body("bond", &m.bond)?;
    for (index, l) in m.layers.iter().enumerate() {
        need(l.cell.is_some() == electrochromic, || {
            format!("layer {index}: either every layer has a cell, or none has")
        })?;
        layer(l, m.track_pitch).map_err(|what| format!("layer {index}: {what}"))?;
    }
    if electrochromic { areas_apart(m) } else { test_areas_apart(m) }
}

fn body(name: &str, b: &Body) -> Check {
    need(within(b.thickness.0, 1e-6, 2e-3), || {
        format!("{name}: thickness {} is not between 1 um and 2 mm", b.thickness)
    })?;
    need(within(b.n, 1.0, 3.0), || format!("{name}: index n = {} is not between 1 and 3", b.n))?;
    thermal(b.conductivity.0, b.heat_capacity.0).map_err(|what| format!("{name}: {what}"))
}

fn thermal(conductivity: f64, heat_capacity: f64) -> Check {
    need(within(conductivity, 0.01, 1000.0), || {
        format!("conductivity {conductivity} W/mK is not between 0.01 and 1000 W/mK")
    })?;
    need(within(heat_capacity, 1e5, 1e7), || {
        format!("heat_capacity {:.3} MJ/m3K is not between 0.1 and 10 MJ/m3K", heat_capacity / 1e6)
    })
}

fn film(f: &Film, pitch: Nanometres) -> Check {
    for (place, thickness) in [("groove", f.groove), ("land", f.land)] {
        need(within(thickness.0, 0.0, 5e-6), || {
            format!("its thickness {thickness} on the {place} is not between 0 and 5 um")
        })?;
    }
    need(f.groove.0 > 0.0, || "its thickness in the groove is zero: leave the film out".into())?;
    if let Some(band) = f.band {
        need(within(band.0, 20e-9, f64::from(pitch.0) * 1e-9), || {
            format!("its band of {band} is not between 20 nm and the track pitch, {pitch}")
        })?;
    }
    need(within(f.n, 0.01, 10.0) && within(f.k, 0.0, 10.0), || {
        format!("its index n = {}, k = {} is not physical (0.01 to 10, 0 to 10)", f.n, f.k)
    })?;
    thermal(f.conductivity.0, f.heat_capacity.0)
}

fn dye_and_reflector(l: &Layer) -> Check {
    let count = |role| l.films.iter().filter(|f| f.role == role).count();
    need(count(FilmRole::Dye) == 1, || format!("it has {} dye films, and it needs one", count(FilmRole::Dye)))?;
    need(count(FilmRole::Reflector) == 1, || {
        format!("it has {} reflectors, and it needs one", count(FilmRole::Reflector))
    })?;
    for (role, name) in [(FilmRole::Electrode, "electrodes"), (FilmRole::Electrochromic, "electrochromic films")] {
        need(count(role) == 0, || format!("it has {name} and no [layer.cell] that says what they do"))?;
    }
    Ok(())
}

fn layer(l: &Layer, pitch: Nanometres) -> Check {
    for (index, f) in l.films.iter().enumerate() {
        film(f, pitch).map_err(|what| format!("film {index} ({}): {what}", f.material))?;
    }
    match &l.cell {
        Some(described) => {
            super::cell::films(l)?;
            super::cell::check(described).map_err(|what| format!("cell: {what}"))?;
        }
        None => dye_and_reflector(l)?,
    }
    need(within(l.recording.temperature.0, 60.0, 900.0), || {
        format!("recording temperature {} is not between 60 C and 900 C", l.recording.temperature)
    })?;
    need(within(l.recording.n, 0.01, 10.0) && within(l.recording.k, 0.0, 10.0), || {
        format!("index n = {}, k = {} after recording is not physical", l.recording.n, l.recording.k)
    })?;
    need(within(l.groove.depth.0.abs(), 0.0, 1e-6), || format!("groove depth {} is more than 1 um", l.groove.depth))?;
    need(within(l.groove.width.0, 50e-9, 2e-6), || {
        format!("groove width {} is not between 50 nm and 2 um", l.groove.width)
    })?;
    need(within(l.groove.phase.0, -360.0, 360.0), || {
        format!("groove phase {} is not between -360 and 360 deg", l.groove.phase)
    })?;
    if let Some(wobble) = l.groove.wobble {
        // Shorter ones lie in the band of the data, longer ones in that of the servo.
        need(within(wobble.period.0, 16.0, 10_000.0), || {
            format!("wobble: period {} is not between 16 T and 10000 T", wobble.period)
        })?;
        let most = 0.25e-9 * f64::from(pitch.0);
        need(wobble.amplitude.0 > 0.0 && wobble.amplitude.0 <= most, || {
            format!(
                "wobble: amplitude {} is not above zero and up to a quarter of the track pitch, {pitch}",
                wobble.amplitude
            )
        })?;
    }
    for (name, area) in [("test", &l.layout.test), ("data", &l.layout.data)] {
        need(area.first <= area.last && area.last <= 0xFF_FFFF, || {
            format!("the {name} area {area} is empty or beyond FFFFFFh")
        })?;
    }
    let (test, data) = (&l.layout.test, &l.layout.data);
    need(test.last < data.first || data.last < test.first, || {
        format!("the test area {test} overlaps the data area {data}")
    })?;
    need(within(l.write.beta, -0.3, 0.3), || format!("target beta {} is not between -0.3 and 0.3", l.write.beta))?;
    super::targets::check(l.write.gamma, l.write.kappa)?;
    strategy(&l.write.strategy)
}

fn strategy(s: &WriteStrategy) -> Check {
    let most = 2 * WriteStrategy::STEPS_PER_BIT;
    need(s.peak > s.bias, || format!("the strategy's peak power {} is not above its bias power {}", s.peak, s.bias))?;
    need(s.top.iter().all(|t| (1..=most).contains(t)), || {
        format!("the strategy's top {:?} is not between 1 and {most} (thirty-seconds of a channel bit)", s.top)
    })?;
    need((1..=most).contains(&s.last), || format!("the strategy's last {} is not between 1 and {most}", s.last))?;
    need(s.multi <= WriteStrategy::STEPS_PER_BIT, || {
        format!("the strategy's multi {} is more than {}, a whole channel bit", s.multi, WriteStrategy::STEPS_PER_BIT)
    })
}

/// Channel bits of a physical sector: 26 frames of 1488 (ECMA-267).
const SECTOR_BITS: f64 = 26.0 * 1488.0;
/// Where the data of a first layer begin: address and radius in metres (ECMA-267).
const START: (f64, f64) = (196_608.0, 24e-3);
/// Numerical aperture of the widest cone of light: that of recorders.
const WIDEST: f64 = 0.65;
/// How far tracks of one layer may be displaced against those of the other, metres: each swings by up
/// to 100 um from peak to peak.
const DISPLACED: f64 = 100e-6;

/// Inner and outer radius of an area in metres.
fn radii(m: &Medium, area: &Area, direction: Direction) -> (f64, f64) {
    let (first, last) = match direction {
        Direction::Outwards => (area.first, area.last),
        Direction::Inwards => (0xFF_FFFF - area.last, 0xFF_FFFF - area.first),
    };
    // A spiral of even pitch: sectors times length times pitch is an area of the disc.
    let sector = SECTOR_BITS * m.channel_bit() * f64::from(m.track_pitch.0) * 1e-9 / core::f64::consts::PI;
    let at = |sectors: f64| (START.1 * START.1 + (sectors - START.0) * sector).max(0.0).sqrt();
    (at(f64::from(first)), at(f64::from(last) + 1.0))
}

/// Every layer of an electrochromic medium has addresses of its own, growing outwards.
fn areas_apart(m: &Medium) -> Check {
    let mut last: Option<u32> = None;
    for (index, l) in m.layers.iter().enumerate() {
        let layout = &l.layout;
        need(layout.direction == Direction::Outwards, || format!("layer {index}: its addresses must grow outwards"))?;
        let (first, end) = (layout.test.first.min(layout.data.first), layout.test.last.max(layout.data.last));
        need(last.is_none_or(|last| layout.origin > last) && first >= layout.origin, || {
            format!(
                "layer {index}: its addresses from {first:06X}h on must lie behind its origin, and that behind \
                 those of the layer before"
            )
        })?;
        last = Some(end);
    }
    Ok(())
}

/// Light for one test area must not pass through the other (US7466641): between them lie the
/// radius of the cone of light where it crosses the other layer, and what the layers may be
/// displaced against each other.
fn test_areas_apart(m: &Medium) -> Check {
    let [a, b] = m.layers.as_slice() else { return Ok(()) };
    let (a_in, a_out) = radii(m, &a.layout.test, a.layout.direction);
    let (b_in, b_out) = radii(m, &b.layout.test, b.layout.direction);
    let gap = (b_in - a_out).max(a_in - b_out);
    let sine = WIDEST / m.bond.n;
    let cone = m.bond.thickness.0 * sine / (1.0 - sine * sine).sqrt();
    let needed = cone + DISPLACED;
    need(gap >= needed, || {
        format!(
            "the test areas of layer 0 ({}) and layer 1 ({}) are too near to each other, {:.1} um apart: move one \
             of them so that at least {:.0} um are between them ({:.0} um for the cone of light through the bond, \
             {:.0} um for layers that aren't centred)",
            a.layout.test,
            b.layout.test,
            gap * 1e6,
            needed * 1e6,
            cone * 1e6,
            DISPLACED * 1e6
        )
    })
}
