//! The simulated bench behind a real link.
