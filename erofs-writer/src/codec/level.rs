//! The type that each codec has for its levels.

/// Defines `Level`: the numbers that are levels, the default, and the error of others.
macro_rules! level {
    ($(#[$doc:meta])* $numbers:pat, $default:literal, $error:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct Level(u8);

        impl Level {
            /// A level of this number.
            ///
            /// # Errors
            #[doc = concat!("[`SettingError::", stringify!($error), "`] if there is none.")]
            pub fn new(level: u8) -> Result<Self, SettingError> {
                match level {
                    $numbers => Ok(Level(level)),
                    _ => Err(SettingError::$error),
                }
            }

            /// The number of the level.
            pub fn get(self) -> u8 {
                self.0
            }
        }

        impl Default for Level {
            fn default() -> Self {
                Level($default)
            }
        }

        impl std::fmt::Display for Level {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for Level {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<Self, SettingError> {
                Level::new(text.parse().map_err(|_| SettingError::$error)?)
            }
        }
    };
}

pub(super) use level;
