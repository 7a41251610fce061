//! The manual page: what the definition of the arguments tells, and sections of its own.

use std::io::Write;

use clap_mangen::Man;

/// The sections that are written by hand.
const SECTIONS: &str = include_str!("sections.roff");
const EXTENDED: &str = "EXTENDED OPTIONS";

pub(crate) fn page(command: clap::Command) -> Vec<u8> {
    // In the page each word has a paragraph of its own.
    let see =
        format!("Extended options, joined by commas; ^ before one turns it off. See {EXTENDED}.");
    let man = Man::new(command.mut_arg("extended", |arg| arg.long_help(see)));
    let mut page = Vec::new();
    let parts = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for part in parts {
        part(&man, &mut page).expect("is in memory");
    }
    let words = erofs_cli::extended_options().iter();
    let words =
        words.map(|(word, help)| format!(".TP\n\\fB{}\\fR\n{}.\n", roff(word), sentence(help)));
    write!(page, ".SH {EXTENDED}\nThe words of \\fB\\-E\\fR.\n{}", words.collect::<String>())
        .expect("is in memory");
    page.extend_from_slice(SECTIONS.as_bytes());
    man.render_version_section(&mut page).expect("is in memory");
    page
}

/// The start of a sentence.
fn sentence(help: &str) -> String {
    let mut chars = help.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    roff(&first.into_iter().chain(chars).collect::<String>())
}

/// `text` so that roff shows it as it is.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('^', "\\(ha");
    match text.starts_with('.') {
        true => format!("\\&{text}"),
        false => text,
    }
}
