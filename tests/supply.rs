//! What the program is made of: licences, sources, crates that are not wanted, and that a package of it builds. The same as
//! deny.toml says for cargo-deny (`make deny`), which takes longer to install than this takes to run.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Licences that ask for no more than to be named.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Two libraries of the same cryptography, or what was given up by its authors.
const BANNED: [&str; 5] = ["openssl-sys", "native-tls", "ring", "rustls-pemfile", "atty"];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The packages that this machine builds, as cargo tells them.
fn packages() -> Vec<Value> {
    let host = host();
    let text = cargo(&["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host]);
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// Those that become part of the program or of its build.
fn used() -> BTreeSet<String> {
    let host = host();
    let tree = ["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--target", &host];
    cargo(&tree).lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn host() -> String {
    let version = cargo(&["-vV"]);
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("the host").to_owned()
}

/// All that is named is allowed; or one of the ways that are open is.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], " ").replace(" AND ", " & ");
    let mut licences = plain.split(['&']).flat_map(|part| part.split(" OR ")).map(str::trim);
    licences.clone().all(|licence| LICENCES.contains(&licence))
        || (!plain.contains('&') && licences.any(|licence| LICENCES.contains(&licence)))
}

#[test]
fn licences_are_permissive() {
    let packages = packages();
    assert!(packages.len() > 150, "{} packages", packages.len());
    let refused: Vec<_> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(
        !is_allowed("GPL-3.0")
            && !is_allowed("GPL-2.0 AND (MIT OR ISC)")
            && !is_allowed("MIT AND GPL-2.0")
            && is_allowed("MIT OR GPL-2.0")
    );
}

#[test]
fn crates_come_from_crates_io_and_none_is_banned() {
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("a lock file");
    let lock: toml::Table = lock.parse().expect("TOML");
    let mut checked = 0;
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if name == "iotcap" {
            continue;
        }
        assert_eq!(package.get("source").and_then(toml::Value::as_str), Some(registry), "{name}");
        assert!(package.get("checksum").is_some(), "{name} has no checksum");
        checked += 1;
    }
    assert!(checked > 200, "{checked} packages");
    let used = used();
    assert!(used.len() > 100, "{} packages", used.len());
    assert!(!BANNED.iter().any(|name| used.contains(*name)), "one of {BANNED:?} is used");
}

/// Everything that is linked and not Rust is named in docs/security.md.
#[test]
fn linked_c_is_listed() {
    let security = include_str!("../docs/security.md");
    let metadata: BTreeMap<String, Value> =
        packages().into_iter().map(|package| (package["name"].as_str().expect("a name").to_owned(), package)).collect();
    let used = used();
    let links = |name: &&String| metadata.get(*name).is_some_and(|package| package["links"].is_string());
    let linked: Vec<_> = used.iter().filter(links).collect();
    assert!(linked.len() >= 2, "{linked:?}");
    for name in linked {
        assert!(security.contains(&format!("`{name}`")), "{name} links something that docs/security.md does not name");
    }
    for line in security.lines().filter(|line| line.starts_with("| `")) {
        let name = line.trim_start_matches("| `").split('`').next().unwrap_or_default();
        assert!(used.contains(name), "docs/security.md names {name}, which is not used");
    }
}

/// What the program includes when it is built is in its package, and recordings are not.
#[test]
fn the_package_holds_what_it_needs() {
    let listed = cargo(&["package", "--list", "--allow-dirty", "--offline"]);
    let listed: BTreeSet<&str> = listed.lines().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scenarios = 0;
    for entry in std::fs::read_dir(root.join("fixtures")).expect("the fixtures") {
        let wire = entry.expect("an entry").path().join("wire.toml");
        if wire.exists() {
            let path = wire.strip_prefix(root).expect("a path below").display().to_string();
            assert!(listed.contains(path.as_str()), "{path} is missing");
            scenarios += 1;
        }
    }
    assert!(scenarios > 100, "{scenarios} scenarios");
    for path in ["Cargo.lock", "build.rs", "src/main.rs", "README.md"] {
        assert!(listed.contains(path), "{path} is missing");
    }
    let is_recording = |path: &&str| path.contains("/capture.") && path.starts_with("fixtures/");
    assert_eq!(listed.iter().find(|path| is_recording(path)), None, "a recording is packed");
}
