//! Rules of the writer's sources that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The sources of the library with their paths below `src`.
fn sources() -> BTreeMap<PathBuf, String> {
    sources_of("erofs-writer")
}

fn sources_of(package: &str) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
    let mut found = BTreeMap::new();
    for entry in WalkDir::new(&root) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.insert(path.strip_prefix(&root).unwrap().to_path_buf(), text);
        }
    }
    assert!(found.contains_key(Path::new("lib.rs")));
    found
}

/// The modules that each module may import besides itself. Data flows one way: from the
/// format and the options over the tree to the plan, the placement, the writing and the
/// build.
const IMPORTS: &[(&str, &[&str])] = &[
    ("format", &[]),
    ("shown", &[]),
    ("codec", &["format", "shown"]),
    ("alike", &["format"]),
    ("ere", &[]),
    ("time", &[]),
    ("options", &["codec", "ere", "format", "time"]),
    ("error", &["codec", "ere", "options", "shown"]),
    ("cancel", &["error"]),
    ("event", &["codec", "options"]),
    ("bounded", &["format"]),
    ("hints", &["bounded", "codec", "ere", "error", "options"]),
    ("pool", &["error"]),
    ("observer", &["cancel", "error", "event", "pool"]),
    ("tree", &["cancel", "error", "format", "time"]),
    ("contexts", &["bounded", "error", "tree"]),
    ("zstd_header", &[]),
    ("ranges", &[]),
    ("image", &["error", "format", "ranges", "shown", "time", "tree", "zstd_header"]),
    (
        "source",
        &[
            "bounded",
            "cancel",
            "error",
            "event",
            "format",
            "image",
            "observer",
            "pool",
            "time",
            "tree",
            "zstd_header",
        ],
    ),
    ("extract", &["cancel", "error", "event", "format", "observer", "pool", "tree"]),
    ("shape", &["error", "format", "options", "time", "tree"]),
    ("table", &["format"]),
    ("facts", &["alike", "format", "table"]),
    ("plan", &["alike", "cancel", "error", "facts", "format", "options", "pool", "shape", "tree"]),
    ("verify", &["error", "format", "image", "options", "pool", "tree"]),
    ("verity", &["cancel", "error", "format", "options", "pool"]),
    ("sink", &["cancel", "format", "options", "verity"]),
    ("output", &["cancel", "error", "format", "tree"]),
    (
        "encode",
        &[
            "alike", "cancel", "codec", "error", "facts", "format", "options", "plan", "pool",
            "shape", "sink", "tree",
        ],
    ),
    ("index", &["encode", "format", "options", "shape"]),
    (
        "meta",
        &[
            "codec", "encode", "error", "format", "index", "options", "plan", "shape", "time",
            "tree",
        ],
    ),
    ("write", &["error", "format", "meta", "options", "plan", "pool", "shape", "sink", "tree"]),
    ("recipes", &["format", "table"]),
    ("base", &["encode", "error", "facts", "format", "image", "recipes", "table", "tree"]),
    (
        "build",
        &[
            "base", "cancel", "codec", "encode", "error", "event", "facts", "format", "image",
            "meta", "observer", "options", "output", "plan", "pool", "ranges", "recipes", "shape",
            "sink", "time", "tree", "verify", "verity", "write",
        ],
    ),
];

/// The module of the crate that a file belongs to.
fn module(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module(&path);
        if module == "lib" {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} is not in the list"));
        for (number, line) in text.lines().enumerate() {
            for part in code(line).split("crate::").skip(1) {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &part[..end.unwrap_or(part.len())];
                if name != module && !allowed.contains(&name) {
                    wrong.push(format!("{}:{}: {name}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction:\n{}", wrong.join("\n"));
}

#[test]
fn modules_in_the_list_do_not_import_in_a_circle() {
    let position = |name: &str| IMPORTS.iter().position(|(module, _)| *module == name).unwrap();
    for (module, allowed) in IMPORTS {
        for import in *allowed {
            assert!(position(import) < position(module), "{module} imports {import}");
        }
    }
}

#[test]
fn files_are_ascii_and_of_500_lines_at_most() {
    for (path, text) in sources() {
        let path = path.display();
        assert!(text.lines().count() <= 500, "{path} has {} lines", text.lines().count());
        for (number, line) in text.lines().enumerate() {
            assert!(line.is_ascii(), "{path}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn functions_have_60_lines_at_most() {
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let words: Vec<&str> = code(line).split_whitespace().collect();
            let Some(at) = words.iter().position(|word| *word == "fn") else { continue };
            let is_item = words[..at]
                .iter()
                .all(|word| word.starts_with("pub") || matches!(*word, "const" | "async"));
            if !is_item || line.trim_end().ends_with([';', '}']) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let close = format!("{:indent$}}}", "");
            // A declaration without a body ends before any brace does.
            let len = lines[start..].iter().position(|line| {
                *line == close
                    || (line.starts_with(&close[..indent])
                        && line.ends_with(';')
                        && line.len() - line.trim_start().len() == indent)
            });
            let len = len.unwrap_or_else(|| panic!("{}: {line} has no end", path.display())) + 1;
            assert!(len <= 60, "{}:{}: {len} lines", path.display(), start + 1);
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    for package in ["erofs-writer", "erofs-cli"] {
        let sources = sources_of(package);
        assert!(sources[Path::new("lib.rs")].contains("\n#![forbid(unsafe_code)]\n"), "{package}");
    }
}

#[test]
fn nothing_is_unwrapped() {
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let code = code(line);
            let at = format!("{}:{}: {line}", path.display(), number + 1);
            assert!(!code.contains(".unwrap()"), "{at}");
        }
    }
}

/// The text without comments and without tests.
fn without_tests(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.starts_with("mod tests"));
    lines.map(|line| format!("{}\n", code(line))).collect()
}

/// The paths that begin at `text`, where a path or a list of paths stands, each after
/// `start`; and the rest of the text after them.
fn paths<'a>(text: &'a str, start: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        text = list.trim_start();
        while !text.starts_with('}') && !text.is_empty() {
            text = paths(text, start, found).trim_start();
            text = text.strip_prefix(',').unwrap_or(text).trim_start();
        }
        return text.strip_prefix('}').unwrap_or_default();
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = [start, &[name.to_owned()]].concat();
    match rest.strip_prefix("::") {
        Some(below) if !below.starts_with('<') => paths(below, &path, found),
        _ => {
            found.push(path);
            // An import may get another name.
            let renamed = rest.trim_start().strip_prefix("as ").unwrap_or(rest);
            renamed.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
        }
    }
}

/// The paths below the crate that a file names: those after `crate`, after `super`, and
/// after the name of a module in the file's own folder.
fn named(module: &[String], text: &str, modules: &BTreeSet<Vec<String>>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let text = without_tests(text);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut before = ' ';
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        if !is_word(c) || is_word(before) || before == ':' {
            before = c;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        before = 'a';
        rest = after;
        let Some(mut below) = after.strip_prefix("::") else { continue };
        let child = [module, &[word.to_owned()]].concat();
        let start = match word {
            "crate" => Vec::new(),
            "super" => {
                let mut up = module[..module.len() - 1].to_vec();
                while let Some(next) = below.strip_prefix("super::") {
                    up.pop();
                    below = next;
                }
                up
            }
            _ if modules.contains(&child) => child,
            _ => continue,
        };
        paths(below, &start, &mut found);
    }
    found
}

/// The name of a folder's own file, beside the folder.
const FRONT: &str = "(front)";

/// For each folder, which of its files imports which. A file that a folder has the
/// name of is its front: what the folder's files take from it, or it from them,
/// counts as any other import does.
fn imports_in_folders() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let sources = sources();
    let module = |path: &Path| -> Vec<String> {
        path.with_extension("").iter().map(|name| name.to_str().unwrap().to_owned()).collect()
    };
    let modules: BTreeSet<Vec<String>> = sources.keys().map(|path| module(path)).collect();
    let mut folders: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
    for (path, text) in &sources {
        let from = module(path);
        if from == ["lib"] || from.last().is_some_and(|name| name == "tests") {
            continue;
        }
        for to in named(&from, text, &modules) {
            for depth in 1..=from.len().min(to.len()) {
                let folder = &from[..depth];
                if *folder != to[..depth] {
                    break;
                }
                let file = |path: &[String]| match path.get(..=depth) {
                    Some(file) if modules.contains(file) => path[depth].clone(),
                    _ => FRONT.to_owned(),
                };
                let (from, to) = (file(&from), file(&to));
                if from != to {
                    let files = folders.entry(folder.join("::")).or_default();
                    files.entry(from).or_default().insert(to);
                }
            }
        }
    }
    folders
}

/// The files that import themselves by way of others.
fn circle(files: &BTreeMap<String, BTreeSet<String>>) -> Vec<&str> {
    let reaches = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut pending = vec![from];
        while let Some(file) = pending.pop() {
            let new = files.get(file).into_iter().flatten();
            pending.extend(new.filter(|file| reached.insert(*file)));
        }
        reached.contains(from)
    };
    files.keys().filter(|file| reaches(file)).map(String::as_str).collect()
}

#[test]
fn files_of_a_folder_do_not_import_in_a_circle() {
    let folders = imports_in_folders();
    let circles = folders.iter().map(|(folder, files)| (folder.as_str(), circle(files)));
    let circles: Vec<_> = circles.filter(|(_, files)| !files.is_empty()).collect();
    assert!(circles.is_empty(), "{circles:?}");
}

#[test]
fn circles_are_found() {
    let imports = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a"), ("e", "d")];
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in imports.map(|(from, to)| (from.to_owned(), to.to_owned())) {
        files.entry(from).or_default().insert(to);
    }
    assert_eq!(circle(&files), ["b", "c"]);
}

#[test]
fn imports_are_found_in_every_form() {
    let modules = [&["a"][..], &["a", "b"], &["a", "c"], &["a", "b", "d"]];
    let modules = modules.map(|path| path.iter().map(|name| (*name).to_owned()).collect());
    let text = "use crate::a::{self, c::{D, E as F}, G};\n// use crate::no;\nlet x = super::c::f(\
                d::g::<u8>(), self::h, super::super::i::J);\nmod tests {\nuse crate::k;";
    let from = ["a", "b"].map(str::to_owned);
    let found = named(&from, text, &BTreeSet::from(modules));
    let found: Vec<_> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::self", "a::c::D", "a::c::E", "a::G", "a::c::f", "a::b::d::g", "i::J"]);
}

#[test]
fn names_in_messages_are_escaped_and_have_a_bound() {
    for package in ["erofs-writer", "erofs-cli"] {
        for (path, text) in sources_of(package) {
            let first = text.lines().position(|line| code(line).contains(".display()"));
            let at = first.map(|number| format!("{}:{}", path.display(), number + 1));
            assert_eq!(at, None, "{package}: Shown is for that");
        }
    }
}
