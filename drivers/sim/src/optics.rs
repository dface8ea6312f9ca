//! Light in a stack of thin films: coherent transfer matrix.
//!
//! Convention: fields vary as `exp(-i w t)`, so a film that absorbs has an index `n + i k` with
//! `k > 0`. (With the other sign of `k` the same formulas return a reflectance far above one and no
//! error at all; [`Stack::new`] therefore refuses a negative `k`.)
//!
//! The characteristic matrix of a film, Born & Wolf section 1.6, is used with its growing
//! exponential divided out, so that thick absorbing films stay finite.

mod phase;

use crate::complex::{C64, c64};
use crate::vectors::ARCH;
use core::f64::consts::TAU;

/// Polarisation of the light relative to the plane of incidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarisation {
    /// Electric field perpendicular to the plane of incidence.
    S,
    /// Electric field in the plane of incidence. `r` and `t` refer to the tangential electric
    /// field, so that `r_p = r_s` at normal incidence.
    P,
}

/// One homogeneous film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Film {
    /// Complex refractive index `n + i k`, `k >= 0`.
    pub index: C64,
    /// Thickness in metres.
    pub thickness: f64,
}

/// Films between two half spaces.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    incident: f64,
    films: Vec<Film>,
    exit: C64,
    /// Fresnel's reflection at the light side of each film, and at the exit, at normal incidence.
    interfaces: Vec<C64>,
    /// Product of Fresnel's transmissions of all interfaces at normal incidence.
    through: C64,
}

/// What a stack does with a plane wave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amplitudes {
    /// Amplitude reflection coefficient, phase at the first interface.
    pub r: C64,
    /// Amplitude transmission coefficient (tangential electric field), from the first interface to
    /// the last.
    pub t: C64,
    /// Reflected fraction of the incident power.
    pub reflectance: f64,
    /// Fraction of the incident power that passes the last interface.
    pub transmittance: f64,
}

/// Why a stack was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StackError {
    /// The light must come from a transparent medium.
    #[error("index {0} of the incident medium is not a positive number")]
    Incident(f64),
    /// An index or a thickness that no film has.
    #[error("film {at}: index {re} + {im} i, thickness {thickness} m is not physical")]
    Film {
        /// Position in the stack; the exit medium counts as the last.
        at: usize,
        /// Real part of the index.
        re: f64,
        /// Imaginary part of the index.
        im: f64,
        /// Thickness in metres.
        thickness: f64,
    },
}

impl Stack {
    /// Films in the order in which the light meets them, from a medium of real index `incident`
    /// into a medium of index `exit`.
    ///
    /// # Errors
    /// [`StackError`] if an index has no positive modulus or amplifies (`k < 0`), or if a thickness
    /// is negative.
    pub fn new(incident: f64, films: Vec<Film>, exit: C64) -> Result<Self, StackError> {
        if !(incident > 0.0 && incident.is_finite()) {
            return Err(StackError::Incident(incident));
        }
        let last = Film { index: exit, thickness: 0.0 };
        for (at, f) in films.iter().chain(core::iter::once(&last)).enumerate() {
            let n = f.index;
            let good = n.re >= 0.0 && n.im >= 0.0 && n.norm_sqr() > 0.0 && f.thickness >= 0.0;
            if !good || !f.thickness.is_finite() || !n.norm_sqr().is_finite() {
                return Err(StackError::Film { at, re: n.re, im: n.im, thickness: f.thickness });
            }
        }
        let mut stack = Self { incident, films, exit, interfaces: Vec::new(), through: C64::ONE };
        stack.meet();
        Ok(stack)
    }

    /// What the indices alone say at normal incidence.
    fn meet(&mut self) {
        self.interfaces.clear();
        self.through = C64::ONE;
        let mut before = c64(self.incident, 0.0);
        for index in self.films.iter().map(|f| f.index).chain(core::iter::once(self.exit)) {
            let sum = before + index;
            self.interfaces.push((before - index) / sum);
            self.through *= before.scale(2.0) / sum;
            before = index;
        }
    }

    /// The films.
    #[must_use]
    pub fn films(&self) -> &[Film] {
        &self.films
    }

    /// Sets the thickness of one film in metres: for scans, without building a new stack.
    ///
    /// # Panics
    /// If there is no film `at`.
    pub fn set_thickness(&mut self, at: usize, thickness: f64) {
        self.films[at].thickness = thickness.max(0.0);
    }

    /// Sets the index of one film: for scans and dispersion.
    ///
    /// # Panics
    /// If there is no film `at`.
    pub fn set_index(&mut self, at: usize, index: C64) {
        self.films[at].index = c64(index.re, index.im.max(0.0));
        self.meet();
    }

    /// Reflection and transmission at normal incidence: the hot path of every scan.
    ///
    /// The reflection of what lies behind each interface, from the exit on: `(r + g) / (1 + r g)`
    /// with `g` that of the next one, there and back through the film between. Numerator and
    /// denominator are carried apart, so that one division is left, and Fresnel's coefficients
    /// don't change while thicknesses and wavelengths are scanned.
    #[must_use]
    pub fn normal(&self, wavelength: f64) -> Amplitudes {
        let k0 = TAU / wavelength;
        let (interfaces, exit) = self.interfaces.split_at(self.films.len());
        let (mut p, mut q) = (exit[0], C64::ONE);
        let mut passed = self.through;
        for (chunk, met) in self.films.rchunks(phase::LANES).zip(interfaces.rchunks(phase::LANES)) {
            let (mut pr, mut pi) = ([0.0; phase::LANES], [0.0; phase::LANES]);
            for ((f, re), im) in chunk.iter().zip(&mut pr).zip(&mut pi) {
                let d = k0 * f.thickness;
                *re = f.index.re * d;
                *im = f.index.im * d;
            }
            let (er, ei) = phase::cis(&pr, &pi);
            for ((r, re), im) in met.iter().zip(&er).zip(&ei).rev() {
                let e = c64(*re, *im);
                passed *= e;
                let x = e * e * p;
                (p, q) = (*r * q + x, q + *r * x);
            }
        }
        self.emerged(p, q, passed)
    }

    /// As [`Stack::normal`], for many sets of thicknesses at once: one after the other in
    /// `thicknesses`, each with one for every film, in metres. The numbers are the same to the last
    /// bit; a scan takes a fraction of the time.
    ///
    /// # Panics
    /// If there are not as many sets of thicknesses as places in `out`.
    pub fn normal_each(&self, wavelength: f64, thicknesses: &[f64], out: &mut [Amplitudes]) {
        assert_eq!(thicknesses.len(), self.films.len() * out.len(), "a thickness for every film of every set");
        ARCH.dispatch(Each { stack: self, wavelength, thicknesses, out });
    }

    /// Sets of thicknesses side by side, as many as `out` holds: up to [`SETS`].
    #[inline(always)]
    fn sets(&self, k0: f64, thicknesses: &[f64], out: &mut [Amplitudes]) {
        let count = self.films.len();
        let exit = self.interfaces[count];
        let (mut p, mut q) = (Lanes::of(exit), Lanes::of(C64::ONE));
        let mut passed = Lanes::of(self.through);
        for ((j, f), r) in self.films.iter().enumerate().zip(&self.interfaces).rev() {
            let (mut pr, mut pi) = ([0.0; SETS], [0.0; SETS]);
            for l in 0..SETS {
                // Lanes without a set of their own repeat the last.
                let d = k0 * thicknesses[l.min(out.len() - 1) * count + j];
                pr[l] = f.index.re * d;
                pi[l] = f.index.im * d;
            }
            let (er, ei) = phase::cis(&pr, &pi);
            for l in 0..SETS {
                let e = c64(er[l], ei[l]);
                passed.set(l, passed.get(l) * e);
                let x = e * e * p.get(l);
                let (a, b) = (*r * q.get(l) + x, q.get(l) + *r * x);
                p.set(l, a);
                q.set(l, b);
            }
        }
        for (l, o) in out.iter_mut().enumerate() {
            *o = self.emerged(p.get(l), q.get(l), passed.get(l));
        }
    }

    /// Reflection `p / q` and transmission `passed / q`.
    #[inline(always)]
    fn emerged(&self, p: C64, q: C64, passed: C64) -> Amplitudes {
        let inverse = q.conj().scale(1.0 / q.norm_sqr());
        let (r, t) = (p * inverse, passed * inverse);
        let transmittance = t.norm_sqr() * self.exit.re / self.incident;
        Amplitudes { r, t, reflectance: r.norm_sqr(), transmittance }
    }

    /// Reflection and transmission at `angle` radians from the normal in the incident medium.
    #[must_use]
    pub fn at_angle(&self, wavelength: f64, angle: f64, pol: Polarisation) -> Amplitudes {
        self.solve(wavelength, angle, pol, None)
    }

    /// As [`Stack::at_angle`], with the absorbed fraction of the incident power in each film
    /// written to `absorbed`, in the order of the films.
    ///
    /// # Panics
    /// If `absorbed` is shorter than the list of films.
    pub fn absorption(&self, wavelength: f64, angle: f64, pol: Polarisation, absorbed: &mut [f64]) -> Amplitudes {
        self.solve(wavelength, angle, pol, Some(absorbed))
    }

    fn solve(&self, wavelength: f64, angle: f64, pol: Polarisation, mut absorbed: Option<&mut [f64]>) -> Amplitudes {
        let k0 = TAU / wavelength;
        let tangential = self.incident * angle.sin();
        let along = |n: C64| (n * n - c64(tangential * tangential, 0.0)).sqrt_forward();
        let admittance = |n: C64, q: C64| match pol {
            Polarisation::S => q,
            Polarisation::P => n * n / q,
        };
        let eta0 = c64(
            match pol {
                Polarisation::S => self.incident * angle.cos(),
                Polarisation::P => self.incident / angle.cos(),
            },
            0.0,
        );
        let exit = admittance(self.exit, along(self.exit));
        let (mut b, mut c) = (C64::ONE, exit);
        let mut scale = C64::ONE;
        // Power flux at the lower side of each film, relative to the flux at the exit: it follows
        // from b, c and the product of scales so far.
        let mut below = exit.re;
        for (i, f) in self.films.iter().enumerate().rev() {
            let q = along(f.index);
            let eta = admittance(f.index, q);
            let d = k0 * f.thickness;
            let e = (C64::I * q.scale(d)).exp();
            let e2 = e * e;
            let (sum, dif) = ((C64::ONE + e2).scale(0.5), (C64::ONE - e2).scale(0.5));
            (b, c) = (sum * b + dif * c / eta, eta * dif * b + sum * c);
            scale *= e;
            if let Some(out) = absorbed.as_deref_mut() {
                // b, c grew by `scale` against the true fields of unit exit amplitude; keep the
                // difference in units of the exit flux, and put the incident flux in at the end.
                let here = (b * c.conj()).re / scale.norm_sqr();
                out[i] = here - below;
                below = here;
            }
        }
        let a = self.finish(eta0, b, c, scale, exit.re);
        if let Some(out) = absorbed {
            let unit = a.t.norm_sqr() / eta0.re;
            for o in &mut out[..self.films.len()] {
                *o *= unit;
            }
        }
        a
    }

    fn finish(&self, eta0: C64, b: C64, c: C64, scale: C64, exit_re: f64) -> Amplitudes {
        let den = eta0 * b + c;
        let inv = den.conj().scale(1.0 / den.norm_sqr());
        let r = (eta0 * b - c) * inv;
        let t = eta0.scale(2.0) * scale * inv;
        Amplitudes { r, t, reflectance: r.norm_sqr(), transmittance: t.norm_sqr() * exit_re / eta0.re }
    }
}

/// Sets of thicknesses that are worked on together.
const SETS: usize = 8;

/// Complex numbers side by side.
struct Lanes([f64; SETS], [f64; SETS]);

impl Lanes {
    #[inline(always)]
    const fn of(z: C64) -> Self {
        Self([z.re; SETS], [z.im; SETS])
    }

    #[inline(always)]
    fn get(&self, lane: usize) -> C64 {
        c64(self.0[lane], self.1[lane])
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, z: C64) {
        self.0[lane] = z.re;
        self.1[lane] = z.im;
    }
}

/// [`Stack::normal_each`], compiled for the vectors of several processors.
struct Each<'a> {
    stack: &'a Stack,
    wavelength: f64,
    thicknesses: &'a [f64],
    out: &'a mut [Amplitudes],
}

impl pulp::WithSimd for Each<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { stack, wavelength, thicknesses, out } = self;
        let (k0, films) = (TAU / wavelength, stack.films.len());
        for (i, out) in out.chunks_mut(SETS).enumerate() {
            stack.sets(k0, &thicknesses[i * SETS * films..], out);
        }
    }
}

#[cfg(test)]
mod tests;
