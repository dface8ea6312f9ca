//! Which of a processor's vector units the inner loops are run on.

use std::sync::LazyLock;

/// The widest there is; with `DISC_HAL_PLAIN` set, what any processor of the kind has. The results
/// are the same to the last bit: the switch is for measurements, and to rule the vectors out.
pub(crate) static ARCH: LazyLock<pulp::Arch> =
    LazyLock::new(|| if std::env::var_os("DISC_HAL_PLAIN").is_some() { pulp::Arch::Scalar } else { pulp::Arch::new() });
