//! Completions: what the definition of the arguments tells, the words of values that are
//! lists, and the name `mkfs.erofs`.

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

/// Values that are worth proposing, of flags that take others, too.
const VALUES: &[(&str, &[&str])] = &[
    ("block_size", &["4096", "512", "1024", "2048", "8192", "16384", "32768", "65536"]),
    ("compress", &["lz4", "lz4hc", "zstd", "deflate", "libdeflate", "lzma", "none"]),
    (
        "pcluster_size",
        &["4096", "16384", "32768", "65536", "131072", "262144", "524288", "1048576"],
    ),
    ("metabox", &["4096", "16384", "65536"]),
    ("tar", &["f", "i"]),
    ("list", &["files", "table"]),
    ("uuid", &["clear", "random"]),
    ("verity_hash", &["sha256", "sha512"]),
    ("verity_salt", &["uuid", "-"]),
    ("ovlfs_strip", &["0", "1"]),
    ("compress_directories", &["0", "1"]),
    ("zone", &["0", "i", "id"]),
];

/// The bare words of `-E`.
fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let bare = |word: &'static str| word.split('[').next().unwrap_or(word);
    erofs_cli::extended_options().iter().map(move |(word, help)| (bare(word), *help))
}

/// The completions for `shell`.
pub(crate) fn script(shell: Shell, command: clap::Command) -> Vec<u8> {
    let mut command = VALUES.iter().fold(command, |command, (name, values)| {
        command.mut_arg(name, |arg| arg.value_parser(PossibleValuesParser::new(*values)))
    });
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "mkfs-erofs", &mut script);
    let script = String::from_utf8(script).expect("is text");
    let script = match shell {
        Shell::Bash => bash(&script),
        Shell::Zsh => zsh(&script),
        Shell::Fish => fish(&script),
        other => panic!("no completions for {other}"),
    };
    script.into_bytes()
}

/// `text` with `new` in place of the only `old`.
#[track_caller]
fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old} is there once");
    text.replace(old, new)
}

/// Bash splits words at `=` and knows nothing of lists or of values that are joined to
/// their flag, so a function of our own comes first.
fn bash(script: &str) -> String {
    let end = script.find("\nif [[").expect("the function is registered at the end");
    let words: Vec<&str> = words().map(|(word, _)| word).collect();
    let own = include_str!("completion.bash").replace("@WORDS@", &words.join(" "));
    format!("{}\n{own}", &script[..end])
}

fn zsh(script: &str) -> String {
    let script = with(script, "#compdef mkfs-erofs", "#compdef mkfs-erofs mkfs.erofs");
    let script = with(&script, ":WORD,...:_default'", ":WORD,...:_mkfs-erofs_words'");
    let script = with(
        &script,
        "compdef _mkfs-erofs mkfs-erofs",
        "compdef _mkfs-erofs mkfs-erofs mkfs.erofs",
    );
    let values: Vec<String> = words()
        .map(|(word, help)| {
            let help = help.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
            format!("        '{}[{}]'", word.replace(':', "\\:"), help.replace('\'', "'\\''"))
        })
        .collect();
    let own = format!(
        "(( $+functions[_mkfs-erofs_words] )) ||\n_mkfs-erofs_words() {{\n    \
         _values -s , 'extended option' \\\n{}\n}}\n",
        values.join(" \\\n")
    );
    with(&script, "if [ \"$funcstack[1]\"", &format!("{own}\nif [ \"$funcstack[1]\""))
}

fn fish(script: &str) -> String {
    let lines = script.lines().map(|line| match line.contains(" -s E ") {
        // A function of fish for lists.
        true => format!("{line} -f -a '(__fish_complete_list , __mkfs_erofs_words)'"),
        false => line.to_owned(),
    });
    let words: Vec<String> = words()
        .map(|(word, help)| format!("    echo '{word}'\\t'{}'", help.replace('\'', "\\'")))
        .collect();
    format!(
        "function __mkfs_erofs_words\n{}\nend\n{}\ncomplete -c mkfs.erofs -w mkfs-erofs\n",
        words.join("\n"),
        lines.collect::<Vec<_>>().join("\n")
    )
}
