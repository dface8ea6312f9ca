//! The defects by name.

use core::fmt;
use core::str::FromStr;

/// A text that is no defect's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no planted defect `{0}`")]
pub struct UnknownDefect(pub String);

macro_rules! defects {
    ($($variant:ident, $name:literal, $check:literal, $doc:literal;)+) => {
        /// One thing that is wrong with a bench.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Defect {
            $(#[doc = $doc] $variant,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What is wrong.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }

            /// The check that has to find it, whatever else does.
            pub const fn check(self) -> &'static str {
                match self { $(Self::$variant => $check,)+ }
            }
        }
    };
}

defects! {
    NoName, "no-name", "bench.identity_is_stated", "The vendor's name is empty.";
    IdentityChanges, "identity-changes", "bench.identity_never_changes", "The serial number changes between calls.";
    SpecChanges, "spec-changes", "bench.specs_never_change", "The lasers' spec changes between calls.";
    WrongUnits, "wrong-units", "bench.specs_have_their_units", "Wavelength and radii are in micrometres.";
    LaserSpecContradicts, "laser-spec-contradicts", "bench.spec_lasers_agree_with_themselves", "The slowest channel clock is above the fastest.";
    ServoSpecContradicts, "servo-spec-contradicts", "bench.spec_servos_agree_with_themselves", "The step of the focus offset is zero.";
    DetectorSpecContradicts, "detector-spec-contradicts", "bench.spec_detector_agrees_with_itself", "A channel looks at a source that isn't there.";
    SpindleSpecContradicts, "spindle-spec-contradicts", "bench.spec_spindle_agrees_with_itself", "The slowest speed is zero.";
    DelayTooShort, "delay-too-short", "bench.delay_passes_time", "The delay lets half of the time pass.";
    WrongPart, "wrong-part", "bench.errors_name_their_part", "Errors blame the bench, whichever part reports them.";
    OutputsUnknown, "outputs-unknown", "bench.errors_state_the_outputs", "Errors say nothing of the outputs.";
    WrongKind, "wrong-kind", "laser.set_power.refuses_above_read_max", "Every error is a fault of the hardware.";
    ErrorDarkens, "error-darkens", "bench.stated_outputs_are_true", "An error of the lasers makes dark and says `unchanged`.";
    OffHandleDoesNothing, "off-handle-does-nothing", "bench.off_handle_makes_dark", "The off handle does nothing.";
    OffRefused, "off-refused", "laser.off.always_allowed", "off is refused as busy.";
    AlwaysEmitting, "always-emitting", "laser.off.is_dark_in_status", "The status always says EMITTING.";
    MonitorOffset, "monitor-offset", "laser.off.is_dark_in_monitor", "The monitor reads 200 uW too much.";
    MonitorReadsTwice, "monitor-reads-twice", "laser.set_power.is_seen_by_the_monitor", "The monitor reads twice the power.";
    MonitorInMilliwatts, "monitor-in-milliwatts", "laser.set_power.is_seen_by_the_monitor", "The monitor reads milliwatts.";
    MonitorBlind, "monitor-blind", "laser.set_power.is_seen_by_the_monitor", "The monitor sees nothing.";
    DarkCountsWrong, "dark-counts-wrong", "laser.off.is_dark_in_sum", "The dark counts in the spec are 200 too few.";
    NeedsNoStrategy, "needs-no-strategy", "laser.begin.refuses_without_strategy", "A shot begins without a strategy.";
    ZeroGlows, "zero-glows", "laser.set_power.zero_is_dark", "At a power of zero the source still glows at 100 uW.";
    ZeroGlowsInSecret, "zero-glows-in-secret", "laser.set_power.zero_darkens_the_sum", "At a power of zero light stays on the disc, unseen by the monitor.";
    AnySourceIsFirst, "any-source-is-first", "laser.set_power.refuses_unknown_source", "Calls for any source go to the first one.";
    LoadChecksNothing, "load-checks-nothing", "laser.load.refuses_peak_above_write_max", "Every strategy is accepted.";
    LoadLights, "load-lights", "laser.load.emits_nothing", "Loading a strategy lights its bias power.";
    BeginLights, "begin-lights", "laser.begin.emits_nothing", "Beginning a shot lights 100 uW.";
    BeginChecksNothing, "begin-checks-nothing", "laser.begin.refuses_energy_above_max", "Every plan is accepted.";
    NumbersReused, "numbers-reused", "laser.begin.numbers_are_new", "Numbers of shots come again after eight.";
    QueueOverflows, "queue-overflows", "laser.begin.refuses_when_full", "A shot too many is accepted, and nothing comes of it.";
    QueueOfOne, "queue-of-one", "laser.begin.takes_the_queue", "One shot fits where two are declared.";
    PendingIsRunning, "pending-is-running", "laser.outcome.is_pending_before_fire", "A shot that has only been begun is running.";
    OutcomeGuesses, "outcome-guesses", "laser.outcome.refuses_unknown_number", "The outcome of an unknown number is NotDone.";
    ForgottenIsError, "forgotten-is-error", "laser.outcome.forgotten_is_unknown", "The outcome of a forgotten shot is an error.";
    OffKeepsShots, "off-keeps-shots", "laser.off.ends_begun_shots", "off darkens the read light and leaves shots alone.";
    FeedTakesAnything, "feed-takes-anything", "laser.feed.refuses_unknown_number", "Runs for unknown shots and runs of 0 are swallowed.";
    FeedIgnoresThePlan, "feed-ignores-the-plan", "laser.feed.refuses_more_than_planned", "Runs beyond the plan are swallowed.";
    FeedTakesMoreThanItSays, "feed-takes-more-than-it-says", "laser.feed.counts_what_it_takes", "All runs are taken, and half of them are said to be.";
    BufferSmaller, "buffer-smaller", "laser.feed.buffer_is_as_declared", "Half of the declared runs fit into the buffer.";
    ArmChecksNothing, "arm-checks-nothing", "laser.arm.refuses_without_focus", "Anything can be armed.";
    TripFlagSet, "trip-flag-set", "laser.status.has_no_trip_when_opened", "TRIP_LIMIT is set from the start.";
    ClearTripLights, "clear-trip-lights", "laser.clear_trip.is_harmless", "Clearing a trip lights 300 uW.";
    ClearTripRelights, "clear-trip-relights", "laser.clear_trip.lights_nothing", "Clearing a trip brings the light from before back.";
    PowerEchoed, "power-echoed", "laser.set_power.returns_what_is_applied", "set_power returns what was asked for, and rounds in silence.";
    PowerCoarse, "power-coarse", "laser.set_power.is_seen_by_the_monitor", "Powers are rounded to 400 uW in silence.";
    PowerLies, "power-lies", "laser.set_power.is_seen_by_the_sum", "The light barely follows the power; the monitor shows what was asked for.";
    ShutterClosed, "shutter-closed", "laser.set_power.reaches_the_disc", "No light reaches the disc; the monitor shows what was asked for.";
    PowerSags, "power-sags", "laser.set_power.stays", "The power falls with every look at the monitor.";
    IgnoresReadMax, "ignores-read-max", "laser.set_power.refuses_above_read_max", "Powers above read_max are emitted.";
    RefusalSetsMost, "refusal-sets-most", "laser.set_power.refusal_changes_nothing", "A refused power leaves the greatest that is allowed.";
    NeverEmitting, "never-emitting", "laser.status.says_emitting", "The status never says EMITTING.";
    LitAfterOff, "lit-after-off", "laser.off.darkens_the_monitor", "The light stays on after off.";
    LitAfterOffInSecret, "lit-after-off-in-secret", "laser.off.darkens_the_sum", "The light stays on after off; monitor and status say dark.";
    RelightsAfterOff, "relights-after-off", "laser.off.stays_dark", "The light comes back some calls after off.";
    ArmedNotSaid, "armed-not-said", "laser.arm.is_said_by_the_status", "The status never says ARMED.";
    StatusFlagsSwapped, "status-flags-swapped", "laser.shot.is_said_by_the_status", "ARMED and FIRING are swapped.";
    FiresWhenArmed, "fires-when-armed", "laser.arm.stays_dark", "Arming fires.";
    ArmsUnfed, "arms-unfed", "laser.arm.refuses_unfed", "A shot without runs is armed.";
    TokenFiresTwice, "token-fires-twice", "laser.shot.token_fires_once", "A used token is accepted again.";
    TokenOutlivesShot, "token-outlives-shot", "laser.shot.token_fires_once_when_done", "A token of a shot that is over begins it anew.";
    RearmsWhenDone, "rearms-when-done", "laser.shot.two_tokens_fire_once", "A shot that is done can be armed again.";
    PlanNotChecked, "plan-not-checked", "laser.shot.token_of_another_plan_is_refused", "A token of another plan fires.";
    ShotNotChecked, "shot-not-checked", "laser.shot.token_of_another_shot_is_refused", "A token of another shot fires.";
    NonceNotChecked, "nonce-not-checked", "laser.shot.made_up_token_is_refused", "A token with any number fires.";
    TokenSurvivesOff, "token-survives-off", "laser.shot.token_is_void_after_off", "A token fires after off.";
    Overruns, "overruns", "laser.shot.is_done_and_recorded", "The light goes on past the end of the plan.";
    WritesNothing, "writes-nothing", "laser.shot.is_done_and_recorded", "Shots are done at a sixth of their power.";
    StartsAtOnce, "starts-at-once", "laser.shot.waits_for_its_address", "A shot doesn't wait for its address.";
    PlaceStuck, "place-stuck", "laser.shot.place_runs_with_the_disc", "A running shot's place stands still.";
    FiringNotSaid, "firing-not-said", "laser.shot.is_said_by_the_status", "The status never says FIRING.";
    LitAfterShot, "lit-after-shot", "laser.shot.light_returns_to_before", "After a shot the light is brighter than before.";
    LitAfterShotInSecret, "lit-after-shot-in-secret", "laser.shot.light_is_gone_in_the_sum", "After a shot light stays on the disc, unseen by the monitor.";
    FeedsTheDead, "feeds-the-dead", "laser.shot.is_over_when_done", "A shot that is over takes runs.";
    BeginsWithMark, "begins-with-mark", "laser.shot.begins_with_a_space", "Shots begin with a mark.";
    RunsReversed, "runs-reversed", "laser.shot.keeps_the_order_of_runs", "Runs of a call are written in reverse.";
    FeedEndsAtFire, "feed-ends-at-fire", "laser.shot.is_fed_while_it_runs", "Runs fed after fire are dropped.";
    SpotDelayIgnored, "spot-delay-ignored", "laser.shot.delay_of_the_spot_is_kept", "The delay of a spot is ignored.";
    StrategyOfFire, "strategy-of-fire", "laser.shot.strategy_is_that_of_begin", "A strategy changes shots that have been begun.";
    NowIsIndex, "now-is-index", "laser.shot.now_is_at_once", "Trigger Now waits for an index mark.";
    IndexIsLost, "index-is-lost", "laser.shot.index_is_within_a_turn", "A shot's index mark never comes.";
    SecondShotLost, "second-shot-lost", "laser.queue.one_follows_the_other", "The second shot of the queue is done without light.";
    SecondShotEarly, "second-shot-early", "laser.queue.second_waits_for_the_first", "The second shot of the queue is said to run with the first.";
    AbortPlaceWrong, "abort-place-wrong", "laser.off.place_is_true", "The place of an abort is 5000 channel bits too far.";
    OffIsDone, "off-is-done", "laser.off.ends_a_shot", "A shot ended by off is reported as done.";
    UnderrunIsDone, "underrun-is-done", "laser.underrun.is_reported", "An underrun is reported as done.";
    UnderrunPlaceWrong, "underrun-place-wrong", "laser.underrun.place_is_true", "The place of an underrun is 5000 channel bits too far.";
    LitAfterUnderrun, "lit-after-underrun", "laser.underrun.goes_dark", "After an underrun the light is brighter than before.";
    EnergyIgnored, "energy-ignored", "laser.energy.limit_ends_a_shot", "The energy of a plan is ignored.";
    FocusLossUnnoticed, "focus-loss-unnoticed", "laser.focus_loss.ends_a_shot", "A shot goes on without focus.";
    TripsLate, "trips-late", "laser.focus_loss.is_dark_in_time", "A shot goes on for 0.5 ms without focus.";
    TrackingLossUnnoticed, "tracking-loss-unnoticed", "laser.tracking_loss.ends_a_shot", "A shot goes on without tracking.";
    TripClearsItself, "trip-clears-itself", "laser.trip.is_latched", "A trip is gone after some calls.";
    TripAllowsLight, "trip-allows-light", "laser.trip.refuses_light", "A power is accepted in silence when tripped.";
    TripStaysLit, "trip-stays-lit", "laser.trip.is_dark", "After a trip the monitor sees light.";
    ClearTripIgnored, "clear-trip-ignored", "laser.clear_trip.clears", "A trip can't be cleared.";
    NotDoneIsPending, "not-done-is-pending", "laser.shot.lost_focus_keeps_the_queue_dark", "A shot that will never happen stays pending.";
    DetectorStopRefused, "detector-stop-refused", "detector.stop.always_allowed", "stop of the detector is refused when nothing is armed.";
    ReadGivesNothing, "read-gives-nothing", "detector.read.refuses_when_not_armed", "Reading what isn't armed gives nothing, and no error.";
    DetectorArmsAnything, "detector-arms-anything", "detector.arm.refuses_fast_rate", "Every acquisition is accepted.";
    FirstIndexWrong, "first-index-wrong", "detector.read.begins_at_zero", "Samples are counted from 1.";
    CountGoesOn, "count-goes-on", "detector.arm.ends_the_one_before", "Samples are counted on from the acquisition before.";
    IndexStuck, "index-stuck", "detector.read.indices_follow", "Every chunk says that it begins at 0.";
    LastTooEarly, "last-too-early", "detector.read.last_is_at_the_end", "The last chunk is announced one chunk early.";
    LastNeverSet, "last-never-set", "detector.read.last_is_at_the_end", "The last chunk isn't announced.";
    ReadsOnAfterLast, "reads-on-after-last", "detector.read.refuses_after_the_last", "After the last chunk empty ones come.";
    ChunkTooLong, "chunk-too-long", "detector.read.keeps_to_the_buffer", "A chunk is said to be one frame longer than the buffer.";
    EmptyIsError, "empty-is-error", "detector.read.empty_means_wait", "Reading when there is nothing yet is an error.";
    RepeatsSamples, "repeats-samples", "detector.read.samples_are_new", "Every second chunk repeats the samples before.";
    RateHalved, "rate-halved", "detector.rate_is_kept", "Half of the rate is sampled.";
    StopIgnored, "stop-ignored", "detector.stop.ends_it", "stop of the detector does nothing.";
    SwallowsGap, "swallows-gap", "detector.gap_is_reported", "Lost samples are not reported.";
    IndexTriggerIgnored, "index-trigger-ignored", "detector.trigger.index_comes_once_a_turn", "The detector doesn't wait for the index mark.";
    ChannelsSwapped, "channels-swapped", "detector.channels_rise_in_index", "Two channels come in falling order.";
    ReferenceWrong, "reference-wrong", "detector.reference_is_plausible", "The reference is a thousandth of what it is.";
    AddressOffByOne, "address-off-by-one", "detector.trigger.address_is_exact", "The address is one too great.";
    DiscNotSeen, "disc-not-seen", "spindle.status.disc_is_seen", "The clamped disc isn't seen.";
    SpindleClamps, "spindle-clamps", "spindle.set_velocity.refuses_too_fast", "Speeds beyond the limits are clamped in silence.";
    VelocityMisread, "velocity-misread", "spindle.set_velocity.reaches_it", "The status shows a tenth too much speed.";
    TurnsTooFast, "turns-too-fast", "spindle.set_velocity.is_true", "The disc turns a tenth faster than is said.";
    AtSpeedAtOnce, "at-speed-at-once", "spindle.set_velocity.is_not_early", "AT_SPEED is always said.";
    RefusalStops, "refusal-stops", "spindle.set_velocity.refusal_changes_nothing", "A refused speed stops the disc.";
    ZeroTurnsOn, "zero-turns-on", "spindle.set_velocity.zero_stops", "A speed of zero is ignored.";
    SledMisses, "sled-misses", "spindle.move_to.arrives", "The sled stops 0.2 mm beside its target.";
    SledClamps, "sled-clamps", "spindle.move_to.refuses_too_far_out", "Radii beyond the limits are clamped in silence.";
    RefusalMoves, "refusal-moves", "spindle.move_to.refusal_changes_nothing", "A refused radius moves the sled by 1 mm.";
    MovesWhileTracking, "moves-while-tracking", "spindle.move_to.refuses_while_tracking", "The sled moves though tracking is closed.";
    FocusReleaseRefused, "focus-release-refused", "focus.release.always_allowed", "release of focus is refused when the loop is open.";
    PositionOffset, "position-offset", "focus.release.lens_goes_to_rest", "Lens positions are 0.1 mm too great.";
    SweepClamps, "sweep-clamps", "focus.sweep.refuses_beyond_travel", "Sweeps beyond travel and speed are clamped in silence.";
    RefusalSweeps, "refusal-sweeps", "focus.sweep.refusal_changes_nothing", "A refused sweep moves the lens.";
    SweepStopsShort, "sweep-stops-short", "focus.sweep.ends_where_asked", "Sweeps end half-way.";
    SweepTooSlow, "sweep-too-slow", "focus.sweep.keeps_its_speed", "The lens moves at half of its speed.";
    SweepRestarts, "sweep-restarts", "focus.sweep.refuses_while_moving", "A sweep during a sweep begins anew.";
    EngageClamps, "engage-clamps", "focus.engage.refuses_beyond_travel", "A capture beyond the travel is clamped in silence.";
    FocusMovesForever, "focus-moves-forever", "focus.engage.ends_in_the_dark", "Focus never leaves MOVING.";
    FocusLocksInTheDark, "focus-locks-in-the-dark", "focus.engage.ends_in_the_dark", "A failed capture says LOCKED.";
    FocusJumpIgnored, "focus-jump-ignored", "focus.jump.reaches_the_other_layer", "Layer jumps are accepted and not made.";
    FocusFailedSticks, "focus-failed-sticks", "focus.engage.locks", "FAILED is said beside LOCKED.";
    FocusReleaseIgnored, "focus-release-ignored", "focus.release.opens", "release leaves the focus loop closed.";
    FocusLostForgotten, "focus-lost-forgotten", "focus.lost_is_latched", "A lost focus isn't latched.";
    FocusOffsetClamps, "focus-offset-clamps", "focus.set_offset.refuses_beyond_max", "Focus offsets beyond the limit are clamped in silence.";
    FocusOffsetEchoed, "focus-offset-echoed", "focus.set_offset.returns_what_is_applied", "The focus offset returned is the one asked for.";
    FocusOffsetIgnored, "focus-offset-ignored", "focus.set_offset.moves_the_focus", "The focus offset isn't applied.";
    TrackingReleaseRefused, "tracking-release-refused", "tracking.release.always_allowed", "release of tracking is refused when the loop is open.";
    TrackingIgnoresFocus, "tracking-ignores-focus", "tracking.engage.refuses_without_focus", "Tracking is engaged without focus.";
    SeekIgnored, "seek-ignored", "tracking.seek.refuses_when_open", "Impossible seeks are accepted and not made.";
    TrackJumpAnything, "track-jump-anything", "tracking.jump.refuses_beyond_max", "Impossible jumps are accepted and not made.";
    AddressRemembered, "address-remembered", "tracking.address.none_in_the_dark", "An address is given where none can be read.";
    MethodFallsBack, "method-falls-back", "tracking.engage.refuses_method_not_in_spec", "An unknown method becomes push-pull.";
    TrackingFailedSticks, "tracking-failed-sticks", "tracking.engage.locks", "FAILED is said beside LOCKED.";
    TrackingMovesForever, "tracking-moves-forever", "tracking.engage.is_seen_to_move", "Tracking never leaves MOVING.";
    PolarityFlipped, "polarity-flipped", "tracking.engage.keeps_to_the_polarity", "The loop closes on the other slope.";
    PolarityIgnored, "polarity-ignored", "tracking.engage.keeps_to_the_polarity", "The loop always closes on the rising slope.";
    TrackingReleaseIgnored, "tracking-release-ignored", "tracking.release.opens", "release leaves the tracking loop closed.";
    TrackingLostForgotten, "tracking-lost-forgotten", "tracking.lost_is_latched", "A lost track isn't latched.";
    CrossingsNotCounted, "crossings-not-counted", "tracking.crossings_are_counted", "Crossed tracks aren't counted.";
    TrackOffsetClamps, "track-offset-clamps", "tracking.set_offset.refuses_beyond_max", "Tracking offsets beyond the limit are clamped in silence.";
    TrackOffsetEchoed, "track-offset-echoed", "tracking.set_offset.returns_what_is_applied", "The tracking offset returned is the one asked for.";
    TrackOffsetIgnored, "track-offset-ignored", "tracking.set_offset.moves_the_spot", "The tracking offset isn't applied.";
    TrackJumpFlipped, "track-jump-flipped", "tracking.jump.goes_outwards", "Jumps go the other way.";
    SeekOvershoots, "seek-overshoots", "tracking.seek.lands_shortly_before", "Seeks end 100 sectors behind their target.";
    AddressStuck, "address-stuck", "tracking.address.counts_up", "The address stands still.";
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Defect {
    type Err = UnknownDefect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|d| d.name() == text);
        found.copied().ok_or_else(|| UnknownDefect(text.into()))
    }
}
