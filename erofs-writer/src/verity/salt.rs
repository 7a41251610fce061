//! The salt of a tree.

use uuid::Uuid;

use super::hasher::derived;
use crate::options::{Verity, VeritySalt};

/// The salt of the tree over an image with this UUID.
pub(crate) fn salt(verity: &Verity, uuid: Uuid) -> Vec<u8> {
    match &verity.salt {
        VeritySalt::FromUuid => derived("salt of dm-verity", uuid.as_bytes()).into(),
        VeritySalt::None => Vec::new(),
        VeritySalt::Given(salt) => salt.clone(),
    }
}
