//! The system calls that a sealed process is refused, by seccomp: what Landlock cannot close. In comes what is kept; each
//! refused call fails with `EPERM`, as if a right were lacking, and the process goes on.

use super::Keep;
use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp, SeccompCondition as Condition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Calls that no part of iotcap makes, and that those who break into programs like best: other ways to sockets, other
/// processes' memory, the kernel's own machinery.
const NEVER: &[libc::c_long] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_fsopen,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_perf_event_open,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// The sockets that may still be opened: to programs of this machine, and for the kernel's list of interfaces.
const LOCAL: [libc::c_int; 2] = [libc::AF_UNIX, libc::AF_NETLINK];

/// Refuses these calls to this thread, and to those that it starts. None where the processor is not one that is known.
///
/// # Errors
/// If the kernel has no seccomp.
pub(super) fn refuse(keep: Keep) -> Result<bool, seccompiler::Error> {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
    let program: BpfProgram = program(keep, target)?;
    seccompiler::apply_filter(&program)?;
    Ok(true)
}

fn program(keep: Keep, target: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = NEVER.iter().map(|call| (*call, Vec::new())).collect();
    // Who may open raw sockets can send what he likes: libpcap needs one of each kind to open an interface.
    if keep == Keep::Nothing {
        let is_foreign =
            |family: libc::c_int| Condition::new(0, ArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()));
        rules.insert(
            libc::SYS_socket,
            vec![SeccompRule::new(LOCAL.map(is_foreign).into_iter().collect::<Result<_, _>>()?)?],
        );
    }
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, target)?.try_into()
}
