//! Complex arithmetic for the optics: the few operations a film stack needs.

use core::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// A complex number in double precision.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct C64 {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

/// Shorthand for [`C64::new`], so that an index reads as `c64(2.4, 0.05)`.
#[inline]
#[must_use]
pub const fn c64(re: f64, im: f64) -> C64 {
    C64 { re, im }
}

impl C64 {
    /// Zero.
    pub const ZERO: Self = c64(0.0, 0.0);
    /// One.
    pub const ONE: Self = c64(1.0, 0.0);
    /// The imaginary unit.
    pub const I: Self = c64(0.0, 1.0);

    /// A number from its two parts.
    #[inline]
    #[must_use]
    pub const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// A number from its modulus and its phase in radians.
    #[inline]
    #[must_use]
    pub fn polar(modulus: f64, phase: f64) -> Self {
        let (s, c) = phase.sin_cos();
        c64(modulus * c, modulus * s)
    }

    /// The complex conjugate.
    #[inline]
    #[must_use]
    pub const fn conj(self) -> Self {
        c64(self.re, -self.im)
    }

    /// The squared modulus, `|z|^2`.
    #[inline]
    #[must_use]
    pub fn norm_sqr(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    /// The modulus.
    #[inline]
    #[must_use]
    pub fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    /// The phase in radians, in (-pi, pi].
    #[inline]
    #[must_use]
    pub fn arg(self) -> f64 {
        self.im.atan2(self.re)
    }

    /// `exp(z)`.
    #[inline]
    #[must_use]
    pub fn exp(self) -> Self {
        Self::polar(self.re.exp(), self.im)
    }

    /// The square root with a non-negative imaginary part: a wave that decays forward under
    /// `exp(-i w t)`.
    #[must_use]
    pub fn sqrt_forward(self) -> Self {
        let m = self.abs();
        let re = (0.5 * (m + self.re)).max(0.0).sqrt();
        let im = (0.5 * (m - self.re)).max(0.0).sqrt();
        // Of the two roots +-(re, +-im) the one with im >= 0; on the real axis the positive one.
        if self.im >= 0.0 { c64(re, im) } else { c64(-re, im) }
    }

    /// Product with a real number.
    #[inline]
    #[must_use]
    pub fn scale(self, k: f64) -> Self {
        c64(self.re * k, self.im * k)
    }
}

impl Add for C64 {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        c64(self.re + o.re, self.im + o.im)
    }
}

impl AddAssign for C64 {
    #[inline]
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl Sub for C64 {
    type Output = Self;
    #[inline]
    fn sub(self, o: Self) -> Self {
        c64(self.re - o.re, self.im - o.im)
    }
}

impl Mul for C64 {
    type Output = Self;
    #[inline]
    fn mul(self, o: Self) -> Self {
        c64(self.re * o.re - self.im * o.im, self.re * o.im + self.im * o.re)
    }
}

impl MulAssign for C64 {
    #[inline]
    fn mul_assign(&mut self, o: Self) {
        *self = *self * o;
    }
}

impl Div for C64 {
    type Output = Self;
    #[inline]
    fn div(self, o: Self) -> Self {
        let d = 1.0 / o.norm_sqr();
        c64((self.re * o.re + self.im * o.im) * d, (self.im * o.re - self.re * o.im) * d)
    }
}

impl Neg for C64 {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        c64(-self.re, -self.im)
    }
}

impl From<f64> for C64 {
    fn from(re: f64) -> Self {
        c64(re, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_root_squares_back_and_decays() {
        for (re, im) in [(4.0, 0.0), (-4.0, 0.0), (3.0, 2.0), (-3.0, 2.0), (3.0, -2.0)] {
            let s = c64(re, im).sqrt_forward();
            assert!((s * s - c64(re, im)).abs() < 1e-12);
            assert!(s.im >= 0.0);
        }
        assert!(c64(4.0, 0.0).sqrt_forward().re > 0.0);
    }

    #[test]
    fn division_undoes_multiplication() {
        let (a, b) = (c64(1.5, -0.3), c64(-0.2, 4.0));
        assert!((a * b / b - a).abs() < 1e-14);
    }
}
