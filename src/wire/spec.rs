//! Specs, as records of one length.

use super::codec::{Malformed, Reader, Writer};
use super::request::{WHOLE, part};
use crate::hal::{
    ChannelKind, ChannelSpec, DetectorSpec, ElectrodeSpec, FocusSpec, Hertz, LaserArraySpec, Microamperes,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres, Part, SafeState, Source,
    SourceRole, SourceSpec, SpindleSpec, SupplySpec, TrackingSpec,
};

/// Bytes of a record, behind part and index. What isn't used is zero, and left
/// unread: a later minor version may use it.
pub const RECORD: usize = 32;

/// A record. The lists in the specs of whole parts are empty here; `count` says
/// how long they will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of the specs.
#[allow(clippy::large_enum_variant)] // Without an allocator there is nothing to box it in.
pub enum Record {
    Lasers { count: u8, spec: LaserArraySpec },
    Source { index: u8, spec: SourceSpec },
    Supply { count: u8, keeps_lease: bool },
    Electrode { index: u8, spec: ElectrodeSpec },
    Focus(FocusSpec),
    Tracking(TrackingSpec),
    Detector { count: u8, buffer: u64 },
    Channel { index: u8, spec: ChannelSpec },
    Spindle(SpindleSpec),
}

fn count<T>(list: &[T]) -> u8 {
    u8::try_from(list.len()).unwrap_or(u8::MAX)
}

impl Record {
    /// The record of a whole laser array.
    pub fn lasers(spec: &LaserArraySpec) -> Self {
        let mut whole = *spec;
        whole.sources = Default::default();
        Self::Lasers { count: count(&spec.sources), spec: whole }
    }

    /// The record of a whole supply.
    pub fn supply(spec: &SupplySpec) -> Self {
        Self::Supply { count: count(&spec.electrodes), keeps_lease: spec.keeps_lease }
    }

    /// The record of a whole detector.
    pub fn detector(spec: &DetectorSpec) -> Self {
        Self::Detector { count: count(&spec.channels), buffer: spec.buffer }
    }

    /// What it is a record of.
    pub const fn place(&self) -> (Part, u8) {
        match self {
            Self::Lasers { .. } => (Part::Laser, WHOLE),
            Self::Source { index, .. } => (Part::Laser, *index),
            Self::Supply { .. } => (Part::Electrode, WHOLE),
            Self::Electrode { index, .. } => (Part::Electrode, *index),
            Self::Focus(_) => (Part::Focus, WHOLE),
            Self::Tracking(_) => (Part::Tracking, WHOLE),
            Self::Detector { .. } => (Part::Detector, WHOLE),
            Self::Channel { index, .. } => (Part::Detector, *index),
            Self::Spindle(_) => (Part::Spindle, WHOLE),
        }
    }

    pub(super) fn put(&self, w: &mut Writer<'_>) {
        let (part, index) = self.place();
        w.u8(part as u8);
        w.u8(index);
        match self {
            Self::Lasers { count, spec } => {
                w.u8(*count);
                w.u8(spec.queue);
                w.u32(spec.total_max.0);
                w.u32(spec.buffer_runs);
                w.u32(spec.clock_min.0);
                w.u32(spec.clock_max.0);
                w.u64(spec.energy_max.0);
            }
            Self::Source { spec, .. } => {
                w.i32(spec.wavelength.0);
                w.u16(spec.aperture_milli);
                w.u8(match spec.role {
                    SourceRole::Record => 0,
                    SourceRole::Read => 1,
                    SourceRole::Prepare => 2,
                });
                w.i32(spec.along.0);
                w.i32(spec.across.0);
                w.u32(spec.read_max.0);
                w.u32(spec.write_max.0);
                w.u32(spec.step.0);
            }
            Self::Supply { count, keeps_lease } => {
                w.u8(*count);
                w.bool(*keeps_lease);
            }
            Self::Electrode { spec, .. } => {
                w.i32(spec.min.0);
                w.i32(spec.max.0);
                w.i32(spec.step.0);
                w.u32(spec.slew_max.0);
                w.i32(spec.current_max.0);
                w.u8(match spec.safe {
                    SafeState::HighImpedance => 0,
                    SafeState::Zero => 1,
                    SafeState::Hold => 2,
                });
            }
            Self::Focus(spec) => {
                w.i32(spec.travel_min.0);
                w.i32(spec.travel_max.0);
                w.u32(spec.sweep_max.0);
                w.i32(spec.offset_max.0);
                w.i32(spec.offset_step.0);
                w.u8(spec.jump_max);
            }
            Self::Tracking(spec) => {
                let methods = [spec.push_pull, spec.differential_push_pull, spec.differential_phase];
                methods.into_iter().for_each(|has| w.bool(has));
                w.i32(spec.offset_max.0);
                w.i32(spec.offset_step.0);
                w.u32(spec.jump_max);
            }
            Self::Detector { count, buffer } => {
                w.u8(*count);
                w.u64(*buffer);
            }
            Self::Channel { spec, .. } => {
                w.u8(match spec.kind {
                    ChannelKind::Sum => 0,
                    ChannelKind::FocusError => 1,
                    ChannelKind::PushPull => 2,
                });
                w.u8(spec.source.0);
                w.u32(spec.rate_max.0);
                w.i16(spec.dark);
                w.u32(spec.nanovolts_per_count);
                w.u32(spec.reference);
                w.u32(spec.calibration);
                w.u32(spec.calibrated);
            }
            Self::Spindle(spec) => {
                w.u32(spec.velocity_min.0);
                w.u32(spec.velocity_max.0);
                w.i32(spec.radius_min.0);
                w.i32(spec.radius_max.0);
            }
        }
        w.fill_to(2 + RECORD);
    }
}

pub(super) fn record(payload: &mut Reader<'_>) -> Result<Record, Malformed> {
    let (part, index) = (part(payload.u8()?)?, payload.u8()?);
    let mut r = Reader::new(payload.bytes(RECORD)?);
    let r = &mut r;
    Ok(match (part, index) {
        (Part::Laser, WHOLE) => {
            let (count, queue) = (r.u8()?, r.u8()?);
            let spec = LaserArraySpec {
                sources: Default::default(),
                queue,
                total_max: Microwatts(r.u32()?),
                buffer_runs: r.u32()?,
                clock_min: Hertz(r.u32()?),
                clock_max: Hertz(r.u32()?),
                energy_max: Nanojoules(r.u64()?),
            };
            Record::Lasers { count, spec }
        }
        (Part::Laser, index) => Record::Source {
            index,
            spec: SourceSpec {
                wavelength: Nanometres(r.i32()?),
                aperture_milli: r.u16()?,
                role: match r.u8()? {
                    0 => SourceRole::Record,
                    1 => SourceRole::Read,
                    2 => SourceRole::Prepare,
                    _ => return Err(Malformed),
                },
                along: Nanometres(r.i32()?),
                across: Nanometres(r.i32()?),
                read_max: Microwatts(r.u32()?),
                write_max: Microwatts(r.u32()?),
                step: Microwatts(r.u32()?),
            },
        },
        (Part::Electrode, WHOLE) => Record::Supply { count: r.u8()?, keeps_lease: r.bool()? },
        (Part::Electrode, index) => Record::Electrode {
            index,
            spec: ElectrodeSpec {
                min: Millivolts(r.i32()?),
                max: Millivolts(r.i32()?),
                step: Millivolts(r.i32()?),
                slew_max: MillivoltsPerSecond(r.u32()?),
                current_max: Microamperes(r.i32()?),
                safe: match r.u8()? {
                    0 => SafeState::HighImpedance,
                    1 => SafeState::Zero,
                    2 => SafeState::Hold,
                    _ => return Err(Malformed),
                },
            },
        },
        (Part::Focus, WHOLE) => Record::Focus(FocusSpec {
            travel_min: Nanometres(r.i32()?),
            travel_max: Nanometres(r.i32()?),
            sweep_max: MicrometresPerSecond(r.u32()?),
            offset_max: Nanometres(r.i32()?),
            offset_step: Nanometres(r.i32()?),
            jump_max: r.u8()?,
        }),
        (Part::Tracking, WHOLE) => Record::Tracking(TrackingSpec {
            push_pull: r.bool()?,
            differential_push_pull: r.bool()?,
            differential_phase: r.bool()?,
            offset_max: Nanometres(r.i32()?),
            offset_step: Nanometres(r.i32()?),
            jump_max: r.u32()?,
        }),
        (Part::Detector, WHOLE) => Record::Detector { count: r.u8()?, buffer: r.u64()? },
        (Part::Detector, index) => Record::Channel {
            index,
            spec: ChannelSpec {
                kind: match r.u8()? {
                    0 => ChannelKind::Sum,
                    1 => ChannelKind::FocusError,
                    2 => ChannelKind::PushPull,
                    _ => return Err(Malformed),
                },
                source: Source(r.u8()?),
                rate_max: Hertz(r.u32()?),
                dark: r.i16()?,
                nanovolts_per_count: r.u32()?,
                reference: r.u32()?,
                calibration: r.u32()?,
                calibrated: r.u32()?,
            },
        },
        (Part::Spindle, WHOLE) => Record::Spindle(SpindleSpec {
            velocity_min: MicrometresPerSecond(r.u32()?),
            velocity_max: MicrometresPerSecond(r.u32()?),
            radius_min: Nanometres(r.i32()?),
            radius_max: Nanometres(r.i32()?),
        }),
        _ => return Err(Malformed),
    })
}
