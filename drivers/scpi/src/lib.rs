//! Electrode supplies made of instruments from the shelf: source-measure units and bench
//! power supplies that speak SCPI, on a socket, a serial line or USBTMC.
//!
//! ```no_run
//! use disc_hal::hal::{Electrode, ElectrodeSupply as _, Microamperes, Millivolts, MillivoltsPerSecond};
//! use disc_hal_scpi::{Profiles, Supply, Wiring};
//!
//! let wiring = Wiring::new("TCPIP0::192.168.1.5::5025::SOCKET".parse()?, 1)
//!     .within(Millivolts(-1_500), Millivolts(1_500))
//!     .limited_to(Microamperes(20_000));
//! let mut supply = Supply::open(&[wiring], &Profiles::built_in()?)?;
//! // bench.electrodes = Some(&mut supply);
//! supply.set(Electrode(0), Millivolts(1_200), MillivoltsPerSecond(500))?;
//! println!("{}", supply.measure(Electrode(0))?.current);
//! supply.make_safe()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is switched off, and when
//!
//! Whatever goes wrong with one instrument (no answer, an answer that makes no sense, an
//! entry in its error queue, an output that switched itself off), the outputs of *all*
//! instruments of the supply are switched off, and each is asked whether it is. The
//! error says what came of that, and every call fails until
//! [`make_safe`](disc_hal::hal::ElectrodeSupply::make_safe) has succeeded. A lost link
//! is opened again for it. Dropping the supply, and [`Supply::off_handle`] from any
//! thread, switch off as well.
//!
//! # What isn't
//!
//! Nobody switches off when this program is killed or its machine loses power: no
//! instrument from the shelf watches its host. The supply declares so
//! ([`keeps_lease`](disc_hal::hal::SupplySpec::keeps_lease) is false), and whoever uses it
//! has to consent.
//!
//! # Threads
//!
//! Each instrument has a thread of its own, which alone talks to it: it ramps the
//! voltage of those that only jump, and measures the current between calls, of which the
//! charge is made (see [`Charge`]). One that hangs doesn't keep the others on.
//!
//! # Profiles
//!
//! What a family of instruments wants to hear is data: TOML files, of which some are
//! built in ([`Profiles::built_in`]); a file for another instrument is written after
//! those in `profiles/`. An output that only sources has 0 V as its lowest voltage.

mod code;
mod error;
mod instrument;
mod link;
mod message;
mod output;
mod profile;
mod resource;
mod supply;
mod worker;

pub use code::{Code, Entry};
pub use error::{Cause, OpenError, SupplyError, Trouble};
pub use instrument::identify;
pub use link::{
    Bulk, Control, LONGEST, Lines, Link, LinkError, OpenLinkError, SocketPipe, UDEV_RULE, Usbtmc, Wait, open,
};
pub use message::{AnswerError, Idn, boolean, error_entry, idn, number, numbers};
pub use output::{Charge, Reading};
pub use profile::{Commands, Limiting, Measure, Model, Off, Profile, ProfileError, Profiles, Quantity, Range};
pub use resource::{BAUD, ParseResourceError, Resource, SOCKET_PORT};
pub use supply::{Info, Supply, Wiring};
