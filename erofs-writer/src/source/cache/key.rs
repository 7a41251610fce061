//! Public keys, and the signatures that they verify.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

/// A public key of a binary cache, as it stands in `nix.conf`:
/// `cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.name).finish()
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a key has to be a name, a colon, and 32 bytes in base 64";
        let (name, key) = text.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(FORM)?;
        let bytes: [u8; 32] =
            STANDARD.decode(key).ok().and_then(|key| key.try_into().ok()).ok_or(FORM)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "this is no key of Ed25519")?;
        Ok(PublicKey { name: name.to_owned(), key })
    }
}

impl PublicKey {
    /// Whether `signature`, a name and base 64, is one of this key for `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Some((name, bytes)) = signature.split_once(':') else { return false };
        let bytes = STANDARD.decode(bytes).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        name == self.name
            && signature
                .is_some_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}
