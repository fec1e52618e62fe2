//! After the drop: what a process that was root can still do. The test starts itself as a child that gives its rights up and
//! then tries to have them back. Needs root; with CI=true it must have it.
#![cfg(target_os = "linux")]

use caps::CapSet;
use iotcap::privileges::{Account, Keep, Landlock, bound, leave_root, seal};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Uid, getpid, setuid};
use std::io::IoSliceMut;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;

/// Tells the child who it is, and where something listens.
const VARIABLE: &str = "IOTCAP_TEST_PORT";

#[test]
fn nothing_of_root_is_left_after_the_drop() {
    if !Uid::effective().is_root() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "this needs root, and CI promises it");
        println!("skipped: giving up root needs root");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port().to_string();
    // The folder of the test's own program may be closed to others; nobody need not start it.
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "the_child_that_gives_its_rights_up", "--ignored", "--nocapture"])
        .env(VARIABLE, port)
        .output()
        .expect("the child can be started");
    let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{out}{error}");
    assert!(out.contains("nothing is left"), "{out}{error}");
}

#[test]
#[ignore = "started by the test above"]
fn the_child_that_gives_its_rights_up() {
    let Ok(port) = std::env::var(VARIABLE) else { return };
    let address = format!("127.0.0.1:{port}");
    let can_raw = || socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), None).is_ok();
    let can_connect = || TcpStream::connect(&address).is_ok();
    let can_look = || can_look_into(&address);
    // Each of these works before; else their failing later would say nothing.
    assert!(std::fs::read("/etc/shadow").is_ok() && std::fs::read("/etc/passwd").is_ok() && can_connect());
    assert!(UdpSocket::bind("127.0.0.1:0").is_ok() && can_look());
    assert!(Command::new("/bin/true").status().is_ok());

    bound();
    let account = Account::named("nobody").expect("nobody");
    leave_root(&account, Keep::Nothing).expect("root is left");
    let sealed = seal(Keep::Nothing).expect("sealed");

    assert_eq!(Uid::effective(), account.uid);
    assert!(setuid(Uid::from_raw(0)).is_err(), "root is had back");
    assert!(std::fs::read("/etc/shadow").is_err(), "root's files are open");
    assert!(!can_raw(), "a raw socket is opened");
    for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable, CapSet::Bounding, CapSet::Ambient] {
        assert!(caps::read(None, set).expect("capabilities").is_empty(), "{set:?}");
    }
    assert_eq!(nix::sys::prctl::get_no_new_privs(), Ok(true));
    if sealed.landlock == Landlock::Absent {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI promises a kernel with Landlock");
        println!("skipped: this kernel has no Landlock, which closes files and sockets");
    } else {
        assert!(std::fs::read("/etc/passwd").is_err(), "a file that all may read is open");
        assert!(std::fs::read_dir("/").is_err(), "a folder is listed");
        assert!(std::fs::write("/var/tmp/iotcap-test", "x").is_err(), "a file is written");
        assert!(Command::new("/bin/true").status().is_err(), "a program is started");
    }
    if sealed.landlock == Landlock::Fully {
        assert!(!can_connect(), "somebody is connected to");
        assert!(TcpListener::bind("127.0.0.1:0").is_err(), "somebody is listened for");
    }
    if sealed.calls_refused {
        assert!(UdpSocket::bind("127.0.0.1:0").is_err(), "datagrams can be sent");
        assert!(!can_look(), "other processes can be looked into");
        assert!(UnixDatagram::unbound().is_ok(), "the service manager can no longer be told");
    } else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI promises a kernel with seccomp");
        println!("skipped: this kernel has no seccomp, which closes sockets of datagrams");
    }
    println!("nothing is left");
}

/// Whether memory can be read as a debugger does; our own would do.
fn can_look_into(text: &str) -> bool {
    let mut seen = vec![0; text.len()];
    let there = RemoteIoVec { base: text.as_ptr().addr(), len: text.len() };
    process_vm_readv(getpid(), &mut [IoSliceMut::new(&mut seen)], &[there]).is_ok()
}
