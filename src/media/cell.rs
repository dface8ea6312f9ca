//! Electrochromic cells: a film between two electrodes that colours under a voltage.

use serde::{Deserialize, Serialize};

use super::check::{need, within};
use super::quantity::{
    Activation, AreaResistance, ChargeDensity, ColorationEfficiency, Current, Duration, Intensity, Resistance, Surface,
    Voltage,
};
use super::{FilmRole, Layer};
use crate::hal::Millivolts;

/// The cell of an electrochromic layer: what its film between the electrodes does under a voltage.
///
/// The film takes up charge until it is in equilibrium with the voltage on it; the charge
/// absorbs light. Where recording has destroyed the film it doesn't colour any more, so that marks
/// show while the layer is coloured and are invisible while it is bleached (patent C).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Charge of full colouration.
    pub charge: ChargeDensity,
    /// Optical density (decadic, one pass) that a unit of charge makes.
    pub efficiency: ColorationEfficiency,
    /// Refractive index of the fully coloured film; its absorption follows from its optical density.
    pub coloured_n: f64,
    /// Voltage on the film at which half of the charge is in it.
    pub midpoint: Voltage,
    /// Voltage over which little colouration changes by a factor of e.
    pub spread: Voltage,
    /// Time constant of colouring at 25 C.
    pub colouring: Duration,
    /// Time constant of bleaching at 25 C.
    pub bleaching: Duration,
    /// Activation energy of both.
    pub activation: Activation,
    /// Resistance in series: leads, electrodes, electrolyte.
    pub resistance: Resistance,
    /// Area of the electrodes.
    pub area: Surface,
    /// A film in series that conducts where it is lit or warm, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
    /// Voltages and current that it is driven with.
    pub drive: Drive,
}

/// What a film of the role [`Accelerator`](FilmRole::Accelerator) does: it lies in series with the one that
/// colours, and leaves it without voltage where it is dark and cold (patent C, claims 9 and 12).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Resistance times area in the dark, at 25 C.
    pub resistance: AreaResistance,
    /// Activation energy of its conductivity; without it, heat doesn't change it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub activation: Activation,
    /// What light does to it, if it does something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light: Option<Photoconduction>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_nothing(energy: &Activation) -> bool {
    energy.0 == 0.0
}

/// Conductivity by light: it grows with a power of the intensity, and fades when the light is gone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Photoconduction {
    /// Intensity that adds as much conductivity as there is in the dark.
    pub intensity: Intensity,
    /// Power of the intensity with which the added conductivity grows, 0.3 to 1: a half where carriers
    /// recombine with one another, as in amorphous silicon.
    pub exponent: f64,
    /// Life of the carriers.
    pub life: Duration,
}

/// How a cell is driven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Drive {
    /// Voltage that colours it.
    pub colour: Voltage,
    /// Voltage that bleaches it.
    pub bleach: Voltage,
    /// Lowest voltage that doesn't age it.
    pub least: Voltage,
    /// Highest voltage that doesn't age it.
    pub most: Voltage,
    /// Greatest current that the supply may give.
    pub current: Current,
}

impl Drive {
    /// The greater of both voltages, without its sign.
    pub fn reach(&self) -> Millivolts {
        Millivolts((1e3 * self.colour.0.abs().max(self.bleach.0.abs())).ceil() as i32)
    }
}

impl Cell {
    /// Charge of full colouration of the whole area, coulombs.
    pub fn full_charge(&self) -> f64 {
        self.charge.0 * self.area.0
    }

    /// Time scale, in seconds, of a change of the whole layer in the dark at 25 C: the film's own time constant,
    /// and that of filling it through its accelerator.
    pub fn pace(&self) -> f64 {
        let through = self.accelerator.map_or(0.0, |a| a.resistance.0 * self.charge.0 / self.drive.colour.0.abs());
        self.colouring.0.max(self.bleaching.0) + through
    }

    /// Optical density of full colouration, decadic and for one pass.
    pub fn full_density(&self) -> f64 {
        self.efficiency.0 * self.charge.0
    }
}

/// The films of an electrochromic layer: electrode, film and electrolyte in either order, electrode.
pub(super) fn films(layer: &Layer) -> Result<(), String> {
    let count = |role| layer.films.iter().filter(|f| f.role == role).count();
    for (role, name) in [(FilmRole::Dye, "dye"), (FilmRole::Reflector, "reflector")] {
        need(count(role) == 0, || format!("it has a cell and a {name}: leave one of them out"))?;
    }
    let coloured = count(FilmRole::Electrochromic);
    need(coloured == 1, || format!("it has {coloured} electrochromic films, and a cell needs one"))?;
    let electrodes = count(FilmRole::Electrode);
    need(electrodes == 2, || format!("it has {electrodes} electrodes, and a cell needs two"))?;
    let at = |role| layer.films.iter().position(|f| f.role == role);
    let last = layer.films.iter().rposition(|f| f.role == FilmRole::Electrode);
    need(at(FilmRole::Electrode) < at(FilmRole::Electrochromic) && at(FilmRole::Electrochromic) < last, || {
        "its electrochromic film must lie between its electrodes".into()
    })?;
    let accelerators = count(FilmRole::Accelerator);
    let described = usize::from(layer.cell.is_some_and(|c| c.accelerator.is_some()));
    need(accelerators == described, || match described {
        0 => "it has an accelerator film and no [layer.cell.accelerator] that says what it does".into(),
        _ => format!("it has {accelerators} accelerator films, and its [layer.cell.accelerator] is of one"),
    })?;
    need(
        described == 0 || at(FilmRole::Electrode) < at(FilmRole::Accelerator) && at(FilmRole::Accelerator) < last,
        || "its accelerator film must lie between its electrodes".into(),
    )
}

fn check_accelerator(accelerator: &Accelerator) -> Result<(), String> {
    let Accelerator { resistance, activation, light } = accelerator;
    need(within(resistance.0, 1e-7, 1e4), || {
        format!("resistance {resistance} is not between 0.001 ohm cm2 and 1e5 kohm cm2")
    })?;
    need(within(activation.0, 0.0, 3.0), || format!("activation energy {activation} is not between 0 and 3 eV"))?;
    need(activation.0 > 0.0 || light.is_some(), || {
        "neither heat nor light changes it: give it an activation energy or [layer.cell.accelerator.light]".into()
    })?;
    let Some(light) = light else { return Ok(()) };
    need(within(light.intensity.0, 1e-3, 1e12), || {
        format!("light: intensity {} is not between 1e-6 nW/um2 and 1000 mW/um2", light.intensity)
    })?;
    need(within(light.exponent, 0.3, 1.0), || format!("light: exponent {} is not between 0.3 and 1", light.exponent))?;
    need(within(light.life.0, 1e-9, 100.0), || format!("light: life {} is not between 1 ns and 100 s", light.life))
}

/// Whether the values can be meant.
pub(super) fn check(cell: &Cell) -> Result<(), String> {
    need(within(cell.charge.0, 0.1, 1e3), || format!("charge {} is not between 0.01 and 100 mC/cm2", cell.charge))?;
    need(within(cell.efficiency.0, 1e-4, 1.0), || {
        format!("efficiency {} is not between 1 and 10000 cm2/C", cell.efficiency)
    })?;
    need(within(cell.full_density(), 0.02, 3.0), || {
        format!(
            "charge times efficiency makes an optical density of {:.3}, and 0.02 to 3 are possible",
            cell.full_density()
        )
    })?;
    need(within(cell.coloured_n, 0.5, 5.0), || format!("coloured_n = {} is not between 0.5 and 5", cell.coloured_n))?;
    need(within(cell.spread.0, 0.005, 1.0), || format!("spread {} is not between 5 mV and 1 V", cell.spread))?;
    for (name, time) in [("colouring", cell.colouring), ("bleaching", cell.bleaching)] {
        need(within(time.0, 1e-6, 1e3), || format!("{name} time {time} is not between 1 us and 1000 s"))?;
    }
    need(within(cell.activation.0, 0.0, 3.0), || {
        format!("activation energy {} is not between 0 and 3 eV", cell.activation)
    })?;
    need(within(cell.resistance.0, 0.0, 1e6), || {
        format!("resistance {} is not between 0 and 1 Mohm", cell.resistance)
    })?;
    need(within(cell.area.0, 1e-10, 0.02), || format!("area {} is not between 1e-6 and 200 cm2", cell.area))?;
    if let Some(accelerator) = &cell.accelerator {
        check_accelerator(accelerator).map_err(|what| format!("accelerator: {what}"))?;
    }
    let drive = &cell.drive;
    need(drive.least.0 < drive.most.0 && within(drive.most.0.max(-drive.least.0), 0.0, 30.0), || {
        format!(
            "it may be driven from {} to {}, and up to 30 V of either sign in rising order are possible",
            drive.least, drive.most
        )
    })?;
    for (name, voltage) in [("colour", drive.colour), ("bleach", drive.bleach)] {
        need(within(voltage.0, drive.least.0, drive.most.0), || {
            format!("its {name} voltage {voltage} ages it: it may be driven from {} to {}", drive.least, drive.most)
        })?;
    }
    // Farther than so from the midpoint, on their sides, the film is coloured or bleached for good.
    let clear = 3.0 * cell.spread.0;
    need(drive.colour.0 >= cell.midpoint.0 + clear && drive.bleach.0 <= cell.midpoint.0 - clear, || {
        format!(
            "its voltages {} and {} lie within 3 x {} of its midpoint {}: it would be neither coloured nor bleached",
            drive.colour, drive.bleach, cell.spread, cell.midpoint
        )
    })?;
    need(within(drive.current.0, 1e-6, 10.0), || format!("current {} is not between 1 uA and 10 A", drive.current))
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, Length, Medium};
    use super::*;

    fn medium() -> Medium {
        Medium::load("ec-pedot-4").unwrap()
    }

    fn accelerator(medium: &mut Medium) -> &mut Accelerator {
        medium.layers[1].cell.as_mut().unwrap().accelerator.as_mut().unwrap()
    }

    #[test]
    fn charge_and_density_of_the_preset_are_those_that_are_published() {
        let medium = medium();
        assert!(medium.is_electrochromic() && medium.layers.len() == 4);
        for layer in &medium.layers {
            let cell = layer.cell.unwrap();
            // 90 cm2 at 3.3 mC/cm2; 300 cm2/C of it.
            assert!((cell.full_charge() - 0.297).abs() < 1e-9, "{}", cell.full_charge());
            assert!((cell.full_density() - 0.99).abs() < 1e-9, "{}", cell.full_density());
            assert_eq!(cell.drive.reach(), Millivolts(1_200));
        }
        assert!(!Medium::load("dual-layer").unwrap().is_electrochromic());
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        type Change = fn(&mut Medium);
        let changes: [(Change, &[&str]); 12] = [
            (|m| m.layers[1].cell = None, &["layer 1", "either every layer has a cell"]),
            (|m| m.layers[1].cell.as_mut().unwrap().charge.0 = f64::NAN, &["layer 1", "charge NaN"]),
            (|m| m.layers[1].cell.as_mut().unwrap().efficiency.0 = 1.0, &["optical density", "33"]),
            (|m| m.layers[1].cell.as_mut().unwrap().colouring.0 = 0.0, &["colouring time 0 s"]),
            (|m| m.layers[1].cell.as_mut().unwrap().drive.colour.0 = 1.6, &["colour voltage 1.6 V", "1.5 V"]),
            (|m| m.layers[1].cell.as_mut().unwrap().drive.bleach.0 = 0.3, &["neither coloured nor bleached"]),
            (|m| m.layers[1].cell.as_mut().unwrap().drive.most.0 = 31.0, &["31 V"]),
            (|m| m.layers[1].films[1].role = FilmRole::Dye, &["layer 1", "a cell and a dye"]),
            (|m| m.layers[1].films[3].role = FilmRole::Other, &["1 electrodes", "two"]),
            (|m| m.layers[1].films.swap(0, 1), &["between its electrodes"]),
            (|m| m.layers[1].layout.origin = 0x10_0000, &["layer 1", "behind its origin"]),
            (|m| m.layers[1].layout.direction = Direction::Inwards, &["layer 1", "outwards"]),
        ];
        for (change, words) in changes {
            let mut medium = medium();
            change(&mut medium);
            let message = medium.check().unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{words:?}: {message}");
        }
        let accelerators: [(Change, &[&str]); 6] = [
            (|m| m.layers[1].cell.as_mut().unwrap().accelerator = None, &["layer 1", "no [layer.cell.accelerator]"]),
            (|m| m.layers[1].films[2].role = FilmRole::Electrolyte, &["layer 1", "0 accelerator films"]),
            (|m| m.layers[1].films.swap(2, 4), &["layer 1", "accelerator film must lie between"]),
            (|m| accelerator(m).light = None, &["layer 1", "neither heat nor light"]),
            (|m| accelerator(m).light.as_mut().unwrap().exponent = 2.0, &["accelerator: light: exponent 2"]),
            (|m| accelerator(m).resistance.0 = -1.0, &["accelerator: resistance -10000 ohm cm2"]),
        ];
        for (change, words) in accelerators {
            let mut medium = Medium::load("ec-photoconductor").unwrap();
            change(&mut medium);
            let message = medium.check().unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{words:?}: {message}");
        }
        let mut medium = medium();
        medium.layers[0].films[1].groove = Length(-1e-9);
        assert!(medium.check().unwrap_err().to_string().contains("layer 0: film 1"));
        // More layers than a supply has outputs.
        let mut medium = self::medium();
        medium.layers.extend(medium.layers.clone());
        medium.layers.push(medium.layers[0].clone());
        assert!(medium.check().unwrap_err().to_string().contains("9 electrochromic layers, and 1 to 8"));
    }

    #[test]
    fn keys_and_units_are_asked_for() {
        let text = medium().to_toml().unwrap();
        for (own, other, words) in [
            ("charge = \"3.3 mC/cm2\"", "charge = 3.3", "write a number and a unit"),
            ("charge = \"3.3 mC/cm2\"", "charge = \"3.3 C\"", "mC/cm2"),
            ("efficiency = \"300 cm2/C\"", "", "efficiency"),
            ("midpoint = \"0.4 V\"", "midpoint = \"0.4 V\"\nfoo = 1", "foo"),
        ] {
            assert!(text.contains(own), "{own}");
            let message = Medium::parse(&text.replacen(own, other, 1), "x.toml").unwrap_err().to_string();
            assert!(message.contains(words), "{other}: {message}");
        }
    }
}
