//! Holds the first two laws of docs/architecture.md: imports go down one list only, and the core does no I/O.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module may import from its own layer only where `siblings` says so, and from lower ones.
const LAYERS: &[Layer] = &[
    Layer {
        modules: &["bytes", "pack", "time", "net", "frame", "segment", "stream", "evidence", "spelling"],
        siblings: true,
        core: true,
    },
    Layer { modules: &["decode", "tcp", "tls", "mqtt"], siblings: false, core: true },
    Layer { modules: &["event"], siblings: false, core: true },
    Layer { modules: &["names"], siblings: false, core: true },
    Layer { modules: &["timeline"], siblings: false, core: true },
    Layer { modules: &["connection"], siblings: false, core: true },
    Layer { modules: &["flow"], siblings: false, core: true },
    Layer { modules: &["analyzer"], siblings: false, core: true },
    Layer { modules: &["pipeline"], siblings: false, core: false },
    Layer { modules: &["diagnosis"], siblings: false, core: false },
    Layer { modules: &["pcapng"], siblings: false, core: false },
    Layer { modules: &["report"], siblings: false, core: false },
    Layer { modules: EDGES, siblings: true, core: false },
];

const EDGES: &[&str] = &[
    "source",
    "lab",
    "pki",
    "broker",
    "publisher",
    "config",
    "diff",
    "expect",
    "cli",
    "analyze",
    "archive",
    "saving",
    "shares",
    "private",
    "redact",
    "privileges",
    "progress",
    "interfaces",
    "otlp",
    "commands",
    "run",
    "live",
    "daemon",
];

/// What the core may not touch: the outside world and whatever waits for it.
const NOT_IN_THE_CORE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::Udp",
    "std::thread",
    "std::env",
    "std::process",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "Instant",
    "SystemTime",
    "tokio",
    "anyhow",
    "clap",
    "serde",
    "async fn",
    "println!",
    "eprintln!",
];

struct Layer {
    modules: &'static [&'static str],
    siblings: bool,
    core: bool,
}

#[test]
fn every_module_has_its_place_in_the_list() {
    let known: BTreeSet<_> = LAYERS.iter().flat_map(|layer| layer.modules).copied().collect();
    let unknown: Vec<_> =
        modules().into_iter().map(|(name, _)| name).filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "modules without a layer: {unknown:?}");
}

#[test]
fn imports_go_down_the_list_only() {
    let mut wrong = Vec::new();
    for (module, files) in modules() {
        let layer = layer_of(&module);
        for file in files {
            for imported in imports(&production_code(&file)) {
                let Some(other) = LAYERS.iter().position(|l| l.modules.contains(&imported.as_str())) else { continue };
                let allowed = imported == module || other < layer || (other == layer && LAYERS[layer].siblings);
                if !allowed {
                    wrong.push(format!("{}: {module} imports {imported}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_does_no_io() {
    let mut wrong = Vec::new();
    for (module, files) in modules().into_iter().filter(|(module, _)| LAYERS[layer_of(module)].core) {
        for file in files {
            for (index, line) in production_code(&file).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = NOT_IN_THE_CORE.iter().find(|word| code.contains(**word)) {
                    wrong.push(format!("{}:{}: {module} uses {word}", file.display(), index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_one_that_everybody_fears() {
    let long: Vec<_> = modules()
        .into_iter()
        .flat_map(|(_, files)| files)
        .map(|file| (fs::read_to_string(&file).expect("a readable source file").lines().count(), file))
        .filter(|(lines, _)| *lines > 800)
        .collect();
    assert!(long.is_empty(), "files above 800 lines: {long:?}");
}

/// Every top-level module of the library with its files.
fn modules() -> Vec<(String, Vec<PathBuf>)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = Vec::new();
    for path in sorted_entries(&source) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            modules.push((name, rust_files(&path)));
        } else if !["lib", "main"].contains(&name.as_str()) {
            modules.push((name, vec![path]));
        }
    }
    assert!(modules.len() > 10, "the source folder was not found");
    modules
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in sorted_entries(folder) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn layer_of(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.modules.contains(&module)).unwrap_or_else(|| panic!("{module} has no layer"))
}

/// The file up to its unit tests, which may use what they like.
fn production_code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a readable source file");
    match text.find("\n#[cfg(test)]\nmod ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The top-level modules that a file names as `crate::module`, also inside braces.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for part in code.split("crate::").skip(1) {
        let part = part.trim_start();
        if let Some(braced) = part.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for character in braced.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.extend(first_word(&std::mem::take(&mut name))),
                    _ if depth == 0 => name.push(character),
                    _ => {}
                }
            }
            found.extend(first_word(&name));
        } else {
            found.extend(first_word(part));
        }
    }
    found
}

fn first_word(path: &str) -> Option<String> {
    let word: String = path.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}
