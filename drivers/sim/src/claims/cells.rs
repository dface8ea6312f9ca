//! Claims of patent C that a medium can meet: what its electrochromic cells are made of.

use disc_hal::media::{Layer, Medium};

use super::{Bound, Claim, Figure, Finding};
use crate::dual_layer::{self, Place};
use crate::electrochromic::{self, Cell, Drive, Figures, Passage, Spot};
use crate::heat::Resolution;
use crate::model::ModelError;
use crate::writing::{Kernel, Train, WritePower};
use crate::{AMBIENT, APERTURE};

/// Optical density for which charges are compared.
const DENSITY: f64 = 0.3;
/// Coloration efficiency of sputtered tungsten oxide with lithium at 633 nm, m2/C (78 cm2/C).
const TUNGSTEN_OXIDE: f64 = 78e-4;
/// Words by which the material of a film is known for a derivative of polythiophene.
const POLYTHIOPHENES: [&str; 4] = ["thiophene", "pedot", "p3ht", "prodot"];
/// Rise of temperature at which cells are compared, kelvin: that of the published factor of 113.
const WARM: f64 = 50.0;
/// What a cell may take to come half-way, seconds: beyond it the answer would be no other.
const PATIENCE: f64 = 600.0;

/// Colouration at which voltages on the film are compared.
const TENTH: f64 = 0.1;
/// Longer than heat is remembered, in steps of a pulse.
const LONG: i32 = 1 << 20;

/// What claims about cells need to know of a medium.
pub(super) struct Cells<'m> {
    medium: &'m Medium,
    figures: Vec<Figures>,
    /// Radius of the spot, metres.
    spot: f64,
}

/// A layer, and what its cell is made of where a spot is.
struct Described<'m> {
    index: usize,
    layer: &'m Layer,
    cell: Cell,
    /// Voltage that colours it, volts.
    colour: f64,
}

impl<'m> Cells<'m> {
    pub(super) fn of(medium: &'m Medium) -> Result<Self, ModelError> {
        let figures = electrochromic::figures(medium, APERTURE)?;
        let spot = electrochromic::films(medium, 0, 1.0)?.cross_track(APERTURE).spot_radius;
        Ok(Self { medium, figures, spot })
    }

    fn layers(&self) -> impl Iterator<Item = Described<'m>> {
        self.medium.layers.iter().enumerate().filter_map(|(index, layer)| {
            let cell = layer.cell.as_ref()?;
            // What a spot colours takes so little current that the leads of the whole layer don't show.
            let local = Cell { resistance: 0.0, ..cell.into() };
            Some(Described { index, layer, cell: local, colour: cell.drive.colour.0 })
        })
    }

    /// A spot of the read power on a layer, others bleached.
    fn read_spot(&self, index: usize) -> Spot {
        Spot {
            power: f64::from(self.medium.read_power.0) * 1e-6 * self.figures[index].incident,
            radius: self.spot,
            velocity: f64::from(self.medium.velocity.0) * 1e-6,
        }
    }
}

/// A cell as it would be without its accelerator.
fn plain(cell: &Cell) -> Cell {
    Cell { accelerator: None, ..*cell }
}

/// How many times as fast as in the dark at 25 C a cell colours half-way.
fn speed_factor(cell: &Cell, voltage: f64, kelvin: f64, carriers: f64) -> f64 {
    let dark = cell.half_time(&Drive::at(voltage), PATIENCE);
    let helped = cell.half_time(&Drive::at(voltage).with(kelvin, carriers), PATIENCE);
    match (dark, helped) {
        (Some(dark), Some(helped)) => dark / helped,
        (None, Some(helped)) => PATIENCE / helped,
        _ => 1.0,
    }
}

/// The worst of some figures of each layer: they have to hold for all.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

fn greatest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}

/// C9: a film that speeds a cell by light or by heat; every cell that has one must keep the bound.
pub(super) fn accelerated(cells: &Cells<'_>) -> Finding {
    let layers: Vec<_> = cells.layers().collect();
    let with: Vec<_> = layers.iter().filter(|l| l.cell.accelerator.is_some()).collect();
    if with.is_empty() {
        let own = least(layers.iter().map(|l| speed_factor(&l.cell, l.colour, WARM, 0.0)));
        let told = Figure::new(format!("speed {WARM} K warmer, over that at 25 C"), own, Bound::Told);
        return Finding::lacking(Claim::C9, "no cell has a film that speeds it by light or heat", vec![told]);
    }
    let mut figures = Vec::new();
    let lit: Vec<_> =
        with.iter().filter_map(|l| Some((l, l.cell.accelerator.filter(|a| a.intensity.is_finite())?))).collect();
    if !lit.is_empty() {
        let factor = |plain_cell: bool| {
            least(lit.iter().map(|(l, a)| {
                let carriers = a.carriers(cells.read_spot(l.index).intensity(0.0, 0.0));
                let cell = if plain_cell { plain(&l.cell) } else { l.cell };
                speed_factor(&cell, l.colour, 0.0, carriers)
            }))
        };
        let name = "speed in a spot of the read power, over that in the dark";
        figures.push(Figure::new(name, factor(false), Bound::AtLeast(3.0)).against(factor(true)));
    }
    let warm: Vec<_> = with.iter().filter(|l| l.cell.accelerator.is_some_and(|a| a.activation > 0.0)).collect();
    if !warm.is_empty() {
        let factor =
            |of: &dyn Fn(&Cell) -> Cell| least(warm.iter().map(|l| speed_factor(&of(&l.cell), l.colour, WARM, 0.0)));
        let name = format!("speed {WARM} K warmer, over that at 25 C");
        figures.push(Figure::new(name, factor(&|c| *c), Bound::AtLeast(3.0)).against(factor(&plain)));
    }
    Finding::of(Claim::C9, figures)
}

/// C10: a layer that colours and can't be recorded.
pub(super) fn reference(cells: &Cells<'_>) -> Result<Finding, ModelError> {
    let power = greatest(cells.layers().map(|l| f64::from(l.layer.write.strategy.peak.0) * 1e-6));
    // The layer that takes most: if heat changes any not at all, then it is this one.
    let hardest =
        cells.layers().max_by(|a, b| a.layer.recording.temperature.0.total_cmp(&b.layer.recording.temperature.0));
    let Some(hardest) = hardest else {
        return Ok(Finding::lacking(Claim::C10, "it has no cells", Vec::new()));
    };
    let films = electrochromic::films(cells.medium, hardest.index, 1.0)?;
    let response = dual_layer::writing_at(&films, 0, Place::Groove)?.response(cells.spot, &Resolution::default());
    let period = 1.0 / f64::from(cells.medium.channel_clock.0);
    let kernel = Kernel::new(&response, f64::from(cells.medium.velocity.0) * 1e-6, period);
    // As if the layers in front took nothing, and without a pause: more than any strategy gives.
    let steady = WritePower { peak: power, bias: 0.0 };
    let rise = Train::single(&kernel, (-LONG, LONG), steady).peak_rise(0, 0);
    let threshold = hardest.layer.recording.temperature.0 - AMBIENT;
    let others =
        least(cells.layers().filter(|l| l.index != hardest.index).map(|l| l.layer.recording.temperature.0 - AMBIENT));
    let name = format!(
        "rise under the greatest write power, without a pause, over that which records layer {}",
        hardest.index
    );
    let heat = Figure::new(name, rise / threshold, Bound::AtMost(1.0));
    let heat = if others.is_finite() { heat.against(rise / others) } else { heat };
    let [coloured, bleached] = cells.figures[hardest.index].transmittance;
    let shown =
        Figure::new("transmittance that colouring it takes away", 1.0 - coloured / bleached, Bound::AtLeast(0.3));
    if !heat.holds() {
        let why = "every layer that colours can be recorded";
        return Ok(Finding::lacking(Claim::C10, why, vec![heat, shown]));
    }
    Ok(Finding::of(Claim::C10, vec![heat, shown]))
}

/// C12: a photoconductor between film and electrode.
pub(super) fn photoconductor(cells: &Cells<'_>) -> Finding {
    let with: Vec<_> = cells.layers().filter(|l| l.cell.accelerator.is_some_and(|a| a.intensity.is_finite())).collect();
    if with.is_empty() {
        return Finding::lacking(Claim::C12, "no cell has a photoconductor", Vec::new());
    }
    // Of the voltage beyond the film's own, at a tenth of its colour, the share that is on the film: the rest
    // is on what lies in series.
    let share = |l: &Described<'_>, cell: &Cell, carriers: f64| {
        let drive = Drive { carriers, ..Drive::at(l.colour) };
        let own = cell.midpoint + cell.spread * (TENTH / (1.0 - TENTH)).ln();
        1.0 - cell.current(TENTH, &drive) * cell.series(&drive) / (l.colour - own)
    };
    let carriers = |l: &Described<'_>| {
        let intensity = cells.read_spot(l.index).intensity(0.0, 0.0);
        l.cell.accelerator.map_or(0.0, |a| a.carriers(intensity))
    };
    let pitch = f64::from(cells.medium.track_pitch.0) * 1e-9;
    let pass = |l: &Described<'_>, cell: &Cell, y: f64| {
        let spot = cells.read_spot(l.index);
        let life = l.cell.accelerator.map_or(0.0, |a| a.life);
        Passage { spot, voltage: l.colour }.colouration(cell, y, 3.0 * life)
    };
    let figures = vec![
        Figure::new(
            "share of the voltage on the film in a spot of the read power",
            least(with.iter().map(|l| share(l, &l.cell, carriers(l)))),
            Bound::AtLeast(0.9),
        ),
        Figure::new(
            "share of the voltage on the film in the dark",
            greatest(with.iter().map(|l| share(l, &l.cell, 0.0))),
            Bound::AtMost(0.1),
        )
        .against(greatest(with.iter().map(|l| share(l, &plain(&l.cell), 0.0)))),
        Figure::new(
            "time in which that spot passes, us",
            1e6 * greatest(with.iter().map(|l| cells.read_spot(l.index).dwell())),
            Bound::AtMost(1.0),
        ),
        Figure::new(
            "colouration of its track, three lives of the carriers later",
            least(with.iter().map(|l| pass(l, &l.cell, 0.0))),
            Bound::AtLeast(0.5),
        ),
        Figure::new(
            "colouration of the next track then",
            greatest(with.iter().map(|l| pass(l, &l.cell, pitch))),
            Bound::AtMost(0.1),
        )
        .against(greatest(with.iter().map(|l| pass(l, &plain(&l.cell), pitch)))),
    ];
    Finding::of(Claim::C12, figures)
}

/// C13: films of a derivative of polythiophene.
pub(super) fn polythiophene(cells: &Cells<'_>) -> Finding {
    let milli = |efficiency: f64| DENSITY / efficiency * 0.1;
    let charge = greatest(cells.layers().map(|l| milli(l.cell.efficiency)));
    let voltage = greatest(cells.layers().map(|l| l.colour.abs()));
    let figures = vec![
        Figure::new(format!("charge for an optical density of {DENSITY}, mC/cm2"), charge, Bound::AtMost(1.5))
            .against(milli(TUNGSTEN_OXIDE)),
        Figure::new("voltage that colours, V", voltage, Bound::AtMost(1.5)),
    ];
    let other = cells.layers().find_map(|l| {
        let material = l.layer.electrochromic()?.material.as_str();
        let lower = material.to_lowercase();
        (!POLYTHIOPHENES.iter().any(|word| lower.contains(word))).then_some((l.index, material))
    });
    match other {
        Some((index, material)) => {
            let why = format!("layer {index} colours by {material}, which isn't known as a polythiophene");
            Finding::lacking(Claim::C13, why, figures)
        }
        None => Finding::of(Claim::C13, figures),
    }
}
