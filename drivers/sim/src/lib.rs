//! A simulated optical disc tester.
