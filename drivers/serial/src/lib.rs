//! Serial optical disc testers.
