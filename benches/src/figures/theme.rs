//! Colours of the picture on a light and on a dark page. The page shows through.

use plotters::style::RGBColor;

use super::modes::Program;

/// The page that the picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    Light,
    /// Bright on nearly black.
    Dark,
}

impl Theme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// Its name in the names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn text(self) -> RGBColor {
        self.choose(0x1f_23_28, 0xe6_ed_f3)
    }

    pub(super) fn quiet_text(self) -> RGBColor {
        self.choose(0x59_63_6e, 0x9d_a7_b3)
    }

    pub(super) fn grid(self) -> RGBColor {
        self.choose(0xd8_de_e4, 0x2f_35_3d)
    }

    /// Each has a contrast of 4.5 or more against the page, and for people who see
    /// colours differently the marks differ, too.
    pub(super) fn of(self, program: Program) -> RGBColor {
        match program {
            Program::Ours => self.choose(0x09_69_da, 0x58_a6_ff),
            Program::Erofs => self.choose(0xbc_4c_00, 0xf0_88_3e),
            Program::Squashfs => self.choose(0x82_50_df, 0xbc_8c_ff),
            Program::Ext4 => self.choose(0x1a_7f_37, 0x3f_b9_50),
        }
    }

    fn choose(self, light: u32, dark: u32) -> RGBColor {
        let [_, red, green, blue] = match self {
            Self::Light => light.to_be_bytes(),
            Self::Dark => dark.to_be_bytes(),
        };
        RGBColor(red, green, blue)
    }
}
