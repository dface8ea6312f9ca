//! Cells against closed forms and conservation laws; films against Beer and Lambert.

use disc_hal::media::Medium;

use super::{Accelerator, BOLTZMANN, Cell, Drive, Passage, REFERENCE, Spot, extinction, films};

fn cell() -> Cell {
    let medium = Medium::load("ec-pedot-4").unwrap();
    Cell::from(medium.layers[0].cell.as_ref().unwrap())
}

/// Without anything in series a step of voltage is answered by an exponential.
#[test]
fn a_step_is_an_exponential_where_nothing_is_in_series() {
    let cell = Cell { resistance: 0.0, ..cell() };
    for (from, voltage, tau) in [(0.0, 1.2, cell.colouring), (1.0, -1.2, cell.bleaching), (0.2, 0.45, cell.colouring)] {
        let drive = Drive::at(voltage);
        let end = cell.equilibrium(voltage, 1.0);
        for share in [0.1, 0.5, 1.0, 3.0] {
            let t = share * tau;
            let exact = end + (from - end) * (-t / tau).exp();
            let found = cell.after(from, &drive, t);
            assert!((found - exact).abs() < 1e-6, "{voltage} V after {share} tau: {found} instead of {exact}");
        }
    }
}

/// A film much faster than the resistance in front of it is always in equilibrium with what the
/// resistance leaves: `d theta / dt = (V - phi(theta)) / (rho Q)`, with `phi` the film's own voltage. The
/// time to a colouration is the integral of its inverse.
#[test]
fn a_large_resistance_sets_the_pace() {
    let film = cell();
    let cell = Cell { colouring: 5e-3, bleaching: 5e-3, resistance: 0.2, ..film };
    let (voltage, rho_q) = (1.2, 0.2 * cell.charge);
    let phi = |theta: f64| cell.midpoint + cell.spread * (theta / (1.0 - theta)).ln();
    let (from, to) = (0.05, 0.9);
    // Simpson's rule.
    let n = 2000;
    let h = (to - from) / f64::from(n);
    let inverse = |i: i32| rho_q / (voltage - phi(from + h * f64::from(i)));
    let inner: f64 = (1..n).map(|i| inverse(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    let expected = h / 3.0 * (inverse(0) + inner + inverse(n));
    let found = cell.after(from, &Drive::at(voltage), expected);
    assert!((found - to).abs() < 0.01 * to, "{found} after {expected} s instead of {to}");
    // A small step is that of a resistance and the film's capacitance Q / (4 Vw) at the midpoint.
    let small = 1e-3;
    let rc = cell.resistance * cell.charge / (4.0 * cell.spread);
    let theta = cell.after(0.5, &Drive::at(cell.midpoint + small), rc);
    let exact = 0.5 + small / (4.0 * cell.spread) * (1.0 - (-1.0_f64).exp());
    assert!(((theta - 0.5) / (exact - 0.5) - 1.0).abs() < 0.01, "{theta} instead of {exact}");
}

/// The classical Runge-Kutta method is of fourth order: half the step, a sixteenth of the error.
#[test]
fn halving_the_step_shows_the_order_of_the_integrator() {
    let cell = Cell { resistance: 0.02, ..cell() };
    let drive = Drive::at(1.2);
    let run = |steps: u32| (0..steps).fold(0.0, |theta, _| cell.step(theta, &drive, 0.3 / f64::from(steps)));
    let exact = run(4096);
    let errors = [8, 16, 32].map(|n| (run(n) - exact).abs());
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((3.5..4.8).contains(&order), "{errors:?}: order {order}");
    }
}

/// What goes in comes out again: the integral of the current over a thousand cycles, by the
/// trapezoidal rule and not by the integrator, is the charge in the film.
#[test]
fn charge_is_kept_over_a_thousand_cycles() {
    let cell = cell();
    let (mut theta, mut charge, mut moved) = (0.0, 0.0, 0.0);
    let (steps, half_cycle) = (200, 1.0);
    for _ in 0..1000 {
        for voltage in [1.2, -1.2] {
            let drive = Drive::at(voltage);
            let dt = half_cycle / f64::from(steps);
            for _ in 0..steps {
                let before = cell.current(theta, &drive);
                let middle = cell.current(cell.step(theta, &drive, 0.5 * dt), &drive);
                theta = cell.step(theta, &drive, dt);
                let after = cell.current(theta, &drive);
                let passed = dt / 6.0 * (before + 4.0 * middle + after);
                charge += passed;
                moved += passed.abs();
            }
        }
    }
    let balance = charge - cell.charge * theta;
    assert!(moved > 1000.0 * cell.charge, "{moved}");
    assert!(balance.abs() < 1e-4 * moved, "{balance} C/m2 of {moved} moved");
    println!("1000 cycles moved {moved:.1} C/m2; {balance:.2e} C/m2 are missing");
}

#[test]
fn heat_quickens_by_arrhenius() {
    // Nothing in series, which heat wouldn't quicken; so short that both are far from their ends.
    let cell = Cell { resistance: 0.0, ..cell() };
    let after = |temperature| cell.after(0.0, &Drive { temperature, ..Drive::at(1.2) }, 1e-5);
    let (slow, fast) = (after(REFERENCE), after(REFERENCE + 50.0));
    // 0.82 eV make a factor of 113 from 293 K to 343 K (Solid State Ionics 286 (2016) 1).
    let published = (0.82 / BOLTZMANN * (1.0 / 293.0 - 1.0 / 343.0)).exp();
    assert!((published / 113.0 - 1.0).abs() < 0.03, "{published}");
    assert!((fast / slow / cell.quickening(REFERENCE + 50.0) - 1.0).abs() < 0.01, "{slow} and {fast}");
    let factor = cell.quickening(343.0) / cell.quickening(293.0);
    assert!((factor / (cell.activation / 0.82 * published.ln()).exp() - 1.0).abs() < 1e-9, "{factor}");
}

/// What a supply shows that limits: the voltage under which just this current flows.
#[test]
fn the_voltage_of_a_current_is_the_inverse_of_the_current_of_a_voltage() {
    let cell = cell();
    for theta in [0.0, 0.2, 0.5, 0.9, 0.999] {
        for voltage in [-1.2, -0.3, 0.2, 0.4, 0.6, 1.2] {
            let drive = Drive { temperature: REFERENCE + 20.0, ..Drive::at(voltage) };
            let current = cell.current(theta, &drive);
            let back = cell.terminal(theta, current, &drive);
            // Far from its midpoint a film takes the same current at any voltage.
            if (cell.midpoint - 0.5..cell.midpoint + 0.5).contains(&(voltage - current * cell.resistance)) {
                assert!((back - voltage).abs() < 1e-4, "{voltage} V at {theta}: {current} A/m2, {back} V");
            }
        }
    }
}

/// A film that can't colour any more takes no charge; disconnected, a film keeps it.
#[test]
fn dead_films_and_open_contacts() {
    let cell = cell();
    let dead = Drive { ability: 0.0, ..Drive::at(1.2) };
    assert!(cell.after(0.0, &dead, 10.0).abs() < 1e-9);
    let open = Drive { voltage: None, ..Drive::at(0.0) };
    assert!((cell.after(0.7, &open, 10.0) - 0.7).abs() < 1e-12);
}

/// Charge against optical density: in a film as thick as many wavelengths, between media of its own
/// index, transfer matrices give what Beer and Lambert do.
#[test]
fn optical_density_follows_from_charge() {
    let cell = cell();
    // OD 0.3 takes 1.0 mC/cm2 at 300 cm2/C.
    let charge = 0.3 / cell.efficiency;
    assert!((charge / 10.0 - 1.0).abs() < 0.01, "{charge} C/m2");
    let (thickness, wavelength) = (50e-6, 650e-9);
    let k = extinction(0.3, thickness, wavelength);
    let film = crate::optics::Film { index: crate::complex::c64(1.5, k), thickness };
    let stack = crate::optics::Stack::new(1.5, vec![film], crate::complex::c64(1.5, 0.0)).unwrap();
    let density = -stack.normal(wavelength).transmittance.log10();
    assert!((density / 0.3 - 1.0).abs() < 1e-3, "{density}");
}

#[test]
fn a_bleached_layer_is_clear_and_a_coloured_one_reflects() {
    let medium = Medium::load("ec-pedot-4").unwrap();
    let at = |theta| films(&medium, 1, theta).unwrap().optics().unwrap();
    let (bleached, coloured) = (at(0.0), at(1.0));
    assert!(bleached.l0.groove.reflectance < 1e-3 && bleached.l0_transmittance > 0.95, "{:?}", bleached.l0.groove);
    assert!(coloured.l0.groove.reflectance > 0.1 && coloured.l0_transmittance < 0.15, "{:?}", coloured.l0.groove);
    // Recorded, it is as clear as bleached: what was recorded can't be seen without voltage.
    for (mark, blank) in [
        (bleached.l0.mark.reflectance, bleached.l0.groove.reflectance),
        (bleached.l0.mark.transmittance, bleached.l0.groove.transmittance),
    ] {
        assert!((mark - blank).abs() < 1e-6, "{mark} and {blank}");
    }
    assert!(coloured.l0.mark.reflectance < 1e-3, "{:?}", coloured.l0.mark);
    let sum = coloured.l0.groove.reflectance + coloured.l0.groove.transmittance + coloured.l0.groove.absorbed();
    assert!((sum - 1.0).abs() < 1e-12);
}

/// A film much faster than what lies in front of it, behind an accelerator of 10 ohm cm2.
fn behind_an_accelerator() -> (Cell, Accelerator) {
    let accelerator = Accelerator { resistance: 1e-3, activation: 0.82, intensity: 1e5, exponent: 1.0, life: 20e-6 };
    (Cell { colouring: 1e-5, resistance: 0.0, accelerator: Some(accelerator), ..cell() }, accelerator)
}

/// Where all of the resistance is the accelerator's, light and heat stretch time and change nothing else: half of
/// the colour is there in `R Q` times the integral over `1 / (V - phi)`, divided by how much better it conducts.
#[test]
fn light_and_heat_shorten_the_time_by_the_conductivity() {
    let (cell, accelerator) = behind_an_accelerator();
    let phi = |theta: f64| cell.midpoint + cell.spread * (theta / (1.0 - theta)).ln();
    // The middles of small steps: at zero the film's own voltage has no end.
    let n = 20_000;
    let half = 0.5 * cell.equilibrium(1.2, 1.0);
    let integral: f64 =
        (0..n).map(|i| half / f64::from(n) / (1.2 - phi(half * (f64::from(i) + 0.5) / f64::from(n)))).sum();
    let dark = accelerator.resistance * cell.charge * integral;
    let time = |kelvin, carriers| cell.half_time(&Drive::at(1.2).with(kelvin, carriers), 10.0).unwrap();
    let found = time(0.0, 0.0);
    assert!((found / dark - 1.0).abs() < 0.01, "{found} s instead of {dark} s");
    for carriers in [1.0, 9.0, 30.0] {
        let factor = found / time(0.0, carriers);
        // The film itself isn't quickened by light: 10 us of 200 us are left of it.
        assert!((factor / (1.0 + carriers) - 1.0).abs() < 0.02 * (1.0 + carriers).sqrt(), "{carriers}: {factor}");
    }
    // By heat the film is quickened as well, by 0.8 eV: nearly as much.
    let warm = (accelerator.activation / BOLTZMANN * (1.0 / REFERENCE - 1.0 / (REFERENCE + 10.0))).exp();
    let factor = found / time(10.0, 0.0);
    assert!((factor / warm - 1.0).abs() < 0.02, "{factor} instead of {warm}");
}

#[test]
fn the_light_of_a_spot_is_its_power() {
    let spot = Spot { power: 4e-4, radius: 0.46e-6, velocity: 3.84 };
    let step = 0.02e-6;
    let grid = || (-100..=100).map(|i| f64::from(i) * step);
    let sum: f64 = grid().flat_map(|x| grid().map(move |y| (x, y))).map(|(x, y)| spot.intensity(y, x / 3.84)).sum();
    assert!((sum * step * step / spot.power - 1.0).abs() < 1e-6, "{sum}");
}

/// A spot passes in a hundredth of a carrier's life: it leaves as many carriers as its light along the line makes,
/// which then die by and by. Where the accelerator has all of the resistance, the colouration is that of the time in the
/// dark in which as much charge flows: the integral of the conductivity.
#[test]
fn a_passage_colours_by_the_light_along_its_line() {
    let (cell, accelerator) = behind_an_accelerator();
    let accelerator = Accelerator { intensity: 3e5, ..accelerator };
    let cell = Cell { colouring: 1e-6, activation: 0.0, accelerator: Some(accelerator), ..cell };
    let spot = Spot { power: 4e-4, radius: 0.46e-6, velocity: 3.84 };
    for y in [0.0, 0.3e-6, 0.74e-6] {
        let peak = spot.intensity(y, 0.0) / accelerator.intensity;
        let line = peak * spot.radius * (core::f64::consts::PI / 2.0).sqrt() / spot.velocity;
        let carriers = line / accelerator.life;
        for lag in [5e-6, 20e-6, 100e-6] {
            let near = 3.0 * spot.radius / spot.velocity;
            let stretched = near + lag + carriers * accelerator.life * (1.0 - (-lag / accelerator.life).exp());
            let expected = cell.after(0.0, &Drive::at(1.2), stretched);
            let found = Passage { spot, voltage: 1.2 }.colouration(&cell, y, lag);
            assert!((found / expected - 1.0).abs() < 0.05, "{y} m, {lag} s: {found} instead of {expected}");
        }
    }
}

/// Steps too short to show anything by themselves add up.
#[test]
fn many_short_steps_are_one_long_step() {
    let cell = Cell { colouring: 1e3, ..cell() };
    let drive = Drive::at(1.2);
    let short = (0..10_000).fold(0.0, |theta, _| cell.after(theta, &drive, 5e-8));
    let long = cell.after(0.0, &drive, 5e-4);
    assert!(long > 4e-7 && (short / long - 1.0).abs() < 1e-6, "{short} and {long}");
}
