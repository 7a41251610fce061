//! Options of an image. They are plain data, and each value is checked when it is made.

mod compress;
mod error;
mod get;
pub(crate) mod kernel;
mod layout;
mod metadata;
mod names;
mod rule;
mod set;
mod sizes;
mod small;
#[cfg(feature = "verity")]
mod verity;
mod version;
mod wide;

pub(crate) use compress::FileCodec;
pub use error::OptionsError;
pub use layout::{InodeForm, Tails};
pub use names::{ImageUuid, Label, XattrPrefix};
pub use rule::CompressRule;
pub use set::Options;
pub use sizes::{BlockSize, ChunkSize, PclusterSize};
#[cfg(feature = "verity")]
pub use verity::{Verity, VerityHash, VeritySalt};
pub use version::KernelVersion;
