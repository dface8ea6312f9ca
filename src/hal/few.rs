//! Lists and names of bounded size, which live without an allocator.

use core::fmt;
use core::ops::{Deref, DerefMut};

/// At most `N` values, in place. Specs are made of these, so that they need no
/// allocator and travel in fixed-length records.
#[derive(Clone, Copy)]
pub struct Few<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// An empty list.
    pub fn new() -> Self {
        Self { items: [T::default(); N], len: 0 }
    }

    /// The values of `items`; `None` if there are more than `N`.
    pub fn from_slice(items: &[T]) -> Option<Self> {
        let mut few = Self::new();
        items.iter().all(|&item| few.push(item)).then_some(few)
    }

    /// Adds a value; false, and nothing changed, if the list is full.
    #[must_use = "a full list takes nothing"]
    pub fn push(&mut self, item: T) -> bool {
        match self.items.get_mut(self.len) {
            Some(slot) => {
                *slot = item;
                self.len += 1;
                true
            }
            None => false,
        }
    }
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or(&[])
    }
}

impl<T, const N: usize> DerefMut for Few<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.items.get_mut(..self.len).unwrap_or(&mut [])
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Few<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

/// A printable name of at most 32 bytes (a model, a serial number).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Name {
    bytes: [u8; 32],
    len: u8,
}

impl Name {
    /// `text`, cut at 32 bytes; whatever isn't printable ASCII becomes `?`, so
    /// that a device can't send escape codes to a terminal.
    pub fn new(text: &str) -> Self {
        let mut name = Self::default();
        for (slot, c) in name.bytes.iter_mut().zip(text.chars()) {
            *slot = u8::try_from(c).ok().filter(|b| matches!(b, b' '..=b'~')).unwrap_or(b'?');
            name.len += 1;
        }
        name
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_takes_nothing() {
        let mut few: Few<u8, 2> = Few::new();
        assert!(few.push(1) && few.push(2) && !few.push(3));
        assert_eq!(&*few, &[1, 2]);
        assert_eq!(Few::<u8, 2>::from_slice(&[1, 2, 3]), None);
    }

    #[test]
    fn names_are_printable_and_bounded() {
        assert_eq!(Name::new("SN-1\u{1b}[2J\u{e9}").as_str(), "SN-1?[2J?");
        assert_eq!(Name::new("0123456789012345678901234567890123456789").as_str().len(), 32);
    }
}
