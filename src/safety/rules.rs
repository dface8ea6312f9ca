//! Rules of the protocol that the crate's own tests remove, one at a time, to see that
//! each of them carries weight. Without the feature `broken-rules` none can be removed,
//! and asking costs nothing.
#![cfg_attr(not(feature = "broken-rules"), allow(dead_code, unreachable_pub))]

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// A frame with a wrong CRC is none.
    Crc,
    /// A payload has the length of its kind.
    Length,
    /// A request with the last number is answered again, not executed again.
    Duplicate,
    /// A request is for the present session.
    Session,
    /// The device picks the number of a session, a fresh one for each; none is revived.
    FreshSession,
    /// The echoed stamp is young.
    Freshness,
    /// The echoed stamp is from this session.
    StampOfSession,
    /// Leases count from the issue of the stamp, not from its arrival.
    LeaseFromIssue,
    /// A token fires once.
    TokenConsumed,
    /// A new session begins with everything off, and without tokens.
    CleanSession,
    /// Off works for everybody, without a session.
    OffAlways,
    /// A bench that is held isn't given to another host.
    Held,
    /// A reply is matched to its request by number.
    ReplySequence,
    /// A request of class `Shot` isn't asked for again once it came too late.
    ShotOnce,
    /// The number of a request that came too late is used up before the next request.
    UsedUp,
    /// After a timeout no number of that session is used.
    SequenceFresh,
    /// Samples are placed by their number, not by the order in which they come.
    SampleIndex,
    /// The number of a shot tells the boot.
    ShotBoot,
    /// Of a shot that was forgotten nobody knows the outcome.
    Forgotten,
    /// Many bad frames while armed are a trip.
    BadFrames,
    /// Shots end with the write lease.
    WriteLease,
    /// Everything ends with the hold lease.
    HoldLease,
    /// A trip holds until it is cleared.
    TripLatch,
    /// A host takes the welcome to its own greeting only.
    WelcomeNonce,
    /// Leases are renewed by the progress of the run only.
    Progress,
}

impl Rule {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Crc,
        Self::Length,
        Self::Duplicate,
        Self::Session,
        Self::FreshSession,
        Self::Freshness,
        Self::StampOfSession,
        Self::LeaseFromIssue,
        Self::TokenConsumed,
        Self::CleanSession,
        Self::OffAlways,
        Self::Held,
        Self::ReplySequence,
        Self::ShotOnce,
        Self::UsedUp,
        Self::SequenceFresh,
        Self::SampleIndex,
        Self::ShotBoot,
        Self::Forgotten,
        Self::BadFrames,
        Self::WriteLease,
        Self::HoldLease,
        Self::TripLatch,
        Self::WelcomeNonce,
        Self::Progress,
    ];
}

#[cfg(feature = "broken-rules")]
std::thread_local! {
    static REMOVED: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
}

/// Does `act` without a rule, in this thread.
#[cfg(feature = "broken-rules")]
pub fn without<T>(rule: Rule, act: impl FnOnce() -> T) -> T {
    let before = REMOVED.get();
    REMOVED.set(before | mask(rule));
    let done = act();
    REMOVED.set(before);
    done
}

#[cfg(feature = "broken-rules")]
#[allow(clippy::as_conversions)] // The number of a variant.
const fn mask(rule: Rule) -> u32 {
    1u32.wrapping_shl(rule as u32)
}

/// Whether a rule holds.
#[cfg(feature = "broken-rules")]
#[inline]
pub fn holds(rule: Rule) -> bool {
    REMOVED.get() & mask(rule) == 0
}

/// Whether a rule holds: always.
#[cfg(not(feature = "broken-rules"))]
#[inline(always)]
pub const fn holds(_rule: Rule) -> bool {
    true
}
