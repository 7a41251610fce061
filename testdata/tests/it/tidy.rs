//! Rules of the writer's sources that no compiler checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The sources with their paths below `src`.
fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../erofs-writer/src");
    let mut found = BTreeMap::new();
    let mut pending = vec![root.clone()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(&root).unwrap().to_path_buf(), text);
            }
        }
    }
    assert!(found.contains_key(Path::new("lib.rs")));
    found
}

/// What each module may import beside itself. Data flows one way: from the
/// format and the options over the tree to the plan, the placement, the
/// writing and the build.
const IMPORTS: &[(&str, &[&str])] = &[
    ("format", &[]),
    ("fingerprint", &[]),
    ("codec", &[]),
    ("ere", &[]),
    // Ere for a test of messages alone.
    ("error", &["codec", "ere", "options"]),
    ("cancel", &["error"]),
    // A time is a time, in options as in trees.
    ("options", &["codec", "ere", "format", "tree"]),
    ("event", &["options"]),
    ("bounded", &["format"]),
    ("pool", &["error"]),
    ("observer", &["cancel", "error", "event", "pool"]),
    ("tree", &["error", "format"]),
    ("contexts", &["bounded", "error", "tree"]),
    ("source", &["bounded", "cancel", "error", "event", "format", "observer", "pool", "tree"]),
    ("plan", &["cancel", "error", "format", "options", "pool", "tree"]),
    ("sink", &["cancel", "format", "options"]),
    ("output", &["cancel", "error", "format", "tree"]),
    (
        "encode",
        &[
            "cancel",
            "codec",
            "error",
            "fingerprint",
            "format",
            "options",
            "plan",
            "pool",
            "sink",
            "tree",
        ],
    ),
    ("meta", &["encode", "error", "format", "options", "plan", "tree"]),
    (
        "write",
        &[
            "encode",
            "error",
            "fingerprint",
            "format",
            "meta",
            "observer",
            "options",
            "plan",
            "pool",
            "sink",
            "tree",
        ],
    ),
    (
        "build",
        &[
            "cancel",
            "encode",
            "error",
            "event",
            "fingerprint",
            "format",
            "meta",
            "observer",
            "options",
            "output",
            "plan",
            "pool",
            "sink",
            "tree",
            "write",
        ],
    ),
];

/// The module of the crate that a file belongs to.
fn module(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The line without what is no code.
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
    // Errors name options, options have times, and trees give errors.
    let known = [("error", "options"), ("options", "tree")];
    let position = |name: &str| IMPORTS.iter().position(|(module, _)| *module == name).unwrap();
    for (module, allowed) in IMPORTS {
        for import in *allowed {
            let forward = position(import) < position(module);
            assert!(forward || known.contains(&(module, import)), "{module} imports {import}");
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
fn nothing_is_unsafe_or_unwrapped() {
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let code = code(line);
            let at = format!("{}:{}: {line}", path.display(), number + 1);
            assert!(!code.split(|c: char| !c.is_alphanumeric()).any(|w| w == "unsafe"), "{at}");
            assert!(!code.contains(".unwrap()"), "{at}");
        }
    }
}
