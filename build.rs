//! Lets the binary link where only libpcap's runtime library is installed.
//!
//! The linker looks for `libpcap.so`, a name that distributions put into the development package. No header of it
//! is needed, so where only `libpcap.so.0.8` (Debian) or `libpcap.so.1` (elsewhere) exists, a link in OUT_DIR does.

use std::path::{Path, PathBuf};

const RUNTIME_NAMES: [&str; 2] = ["libpcap.so.0.8", "libpcap.so.1"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBPCAP_LIBDIR");
    let live = std::env::var_os("CARGO_FEATURE_LIVE").is_some();
    let linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if live && linux && std::env::var_os("LIBPCAP_LIBDIR").is_none() {
        link_runtime_library();
    }
}

fn link_runtime_library() {
    let directories = library_directories();
    if directories.iter().any(|directory| directory.join("libpcap.so").exists()) {
        return;
    }
    let runtime = directories
        .iter()
        .flat_map(|directory| RUNTIME_NAMES.map(|name| directory.join(name)))
        .find(|path| path.exists());
    match runtime {
        Some(library) => link_from_out_dir(&library),
        None => println!(
            "cargo::warning=no libpcap found: install libpcap-dev (libpcap-devel), or build with --no-default-features"
        ),
    }
}

#[cfg(unix)]
fn link_from_out_dir(library: &Path) {
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let link = out.join("libpcap.so");
    let _ = std::fs::remove_file(&link);
    match std::os::unix::fs::symlink(library, &link) {
        Ok(()) => println!("cargo::rustc-link-search=native={}", out.display()),
        Err(error) => println!("cargo::warning=cannot link {} into {}: {error}", library.display(), out.display()),
    }
}

#[cfg(not(unix))]
fn link_from_out_dir(_library: &Path) {}

fn library_directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(PathBuf::from).to_vec();
    if let Ok(target) = std::env::var("TARGET") {
        // Debian's multiarch folders are named by a triple without the vendor.
        let multiarch = target.replace("-unknown-", "-");
        directories.push(Path::new("/usr/lib").join(&multiarch));
        directories.push(Path::new("/lib").join(multiarch));
    }
    directories
}
