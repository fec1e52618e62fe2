//! What the process may do, made less once the capture is open: another user, no capabilities, a file system that it cannot
//! touch, no way to the network. In comes who to become and what to keep; nothing here captures or writes.
//!
//! Capabilities, Landlock and seccomp are per thread: call [`leave_root`] and [`seal`] before any other thread is started, and each
//! will inherit them.

#[cfg(target_os = "linux")]
mod syscalls;

use nix::unistd::{Gid, Uid, User};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::fchown;
use std::path::PathBuf;
use thiserror::Error;

/// The user to become where nobody is named and nobody called sudo.
const NOBODY: &str = "nobody";

/// Why rights could not be given up: the program must not go on with them unasked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("there is no user {0} to become: name another with --user, or stay root with --no-drop")]
    NoSuchUser(String),
    /// The system refused; what was tried, and its words.
    #[error("the rights of root could not be given up ({0}: {1}): --no-drop goes on with them")]
    Refused(&'static str, String),
}

/// What is kept of root's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// `CAP_NET_RAW`, to open an interface again that went away.
    NetRaw,
}

/// Who the process runs as once it has left root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: Uid,
    /// The user's main group.
    pub gid: Gid,
    /// The user's name; the number where it has none.
    pub name: String,
}

impl Account {
    /// The user that called sudo; none where nobody did.
    #[must_use]
    pub fn of_sudo() -> Option<Self> {
        let number = |variable: &str| std::env::var(variable).ok()?.parse::<u32>().ok();
        let (uid, gid) = (number("SUDO_UID")?, number("SUDO_GID")?);
        let name = std::env::var("SUDO_USER").unwrap_or_else(|_| uid.to_string());
        (uid != 0).then(|| Self { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), name })
    }

    /// The user with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, PrivilegeError> {
        match User::from_name(name) {
            Ok(Some(user)) => Ok(Self { uid: user.uid, gid: user.gid, name: user.name }),
            _ => Err(PrivilegeError::NoSuchUser(name.to_owned())),
        }
    }

    /// Who to become: the user that was named, or who called sudo, or nobody. None where the process is not root.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn to_become(named: Option<&str>) -> Result<Option<Self>, PrivilegeError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        match (named, Self::of_sudo()) {
            (Some(name), _) => Self::named(name).map(Some),
            (None, Some(account)) => Ok(Some(account)),
            (None, None) => Self::named(NOBODY).map(Some),
        }
    }

    /// Gives a file that was made as root to this user. Best effort: not every file system knows owners.
    pub fn own(&self, file: &File) {
        if let Err(error) = fchown(file, Some(self.uid.as_raw()), Some(self.gid.as_raw())) {
            tracing::debug!(%error, user = self.name, "a file keeps its owner");
        }
    }
}

/// Becomes the account, for good.
///
/// # Errors
/// If the system refuses.
pub fn leave_root(account: &Account, keep: Keep) -> Result<(), PrivilegeError> {
    if keep == Keep::NetRaw {
        system::keep_capabilities()?;
    }
    system::set_groups(account)?;
    nix::unistd::setgid(account.gid).map_err(refused("setgid"))?;
    nix::unistd::setuid(account.uid).map_err(refused("setuid"))?;
    if nix::unistd::setuid(Uid::from_raw(0)).is_ok() && !account.uid.is_root() {
        return Err(PrivilegeError::Refused("setuid", "root can be had back".to_owned()));
    }
    Ok(())
}

/// Takes from this process and its children the rights that a program file could give them: best effort, since only root can.
/// To be called before [`leave_root`].
pub fn bound() {
    system::clear_bounding_set();
}

/// What [`seal`] could do on this system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// What is kept of the capabilities (Linux); none where the system has no such thing.
    pub capabilities: Option<Keep>,
    /// Whether programs with more rights can no longer be started (Linux).
    pub no_new_privileges: bool,
    /// Whether the file system and the network are closed to it, and how fully (Linux with Landlock).
    pub landlock: Landlock,
    /// Whether calls of the system that it has no use for are refused: sockets to other machines, unless something is kept,
    /// and other processes' memory (Linux with seccomp).
    pub calls_refused: bool,
}

/// Whether the kernel enforces Landlock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Landlock {
    /// Not at all: an old kernel, another system, or switched off.
    #[default]
    Absent,
    /// As far as this kernel can.
    Partly,
    /// All that was asked for.
    Fully,
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capabilities = match self.capabilities {
            Some(Keep::Nothing) => "no capabilities",
            Some(Keep::NetRaw) => "no capability but CAP_NET_RAW",
            None => "no capabilities on this system",
        };
        let landlock = match self.landlock {
            Landlock::Absent => "no Landlock on this system",
            Landlock::Partly => "Landlock in part",
            Landlock::Fully => "Landlock",
        };
        let calls = if self.calls_refused { "seccomp" } else { "no seccomp on this system" };
        write!(f, "{capabilities}, {landlock}, {calls}")
    }
}

/// Gives up what is left: capabilities, new privileges, the file system but for temporary files, the network. Files that
/// are open stay so.
///
/// # Errors
/// If the system refuses. That it knows no Landlock or seccomp is no error.
pub fn seal(keep: Keep) -> Result<Sealed, PrivilegeError> {
    seal_but_for(keep, &Paths::default())
}

/// What a program that runs for long still needs of the file system: files and folders with all that is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// To be read.
    pub read: Vec<PathBuf>,
    /// To be read, written, and removed.
    pub write: Vec<PathBuf>,
}

/// The same, but for these paths.
///
/// # Errors
/// As with [`seal`].
pub fn seal_but_for(keep: Keep, paths: &Paths) -> Result<Sealed, PrivilegeError> {
    system::seal(keep, paths)
}

fn refused<E: fmt::Display>(what: &'static str) -> impl FnOnce(E) -> PrivilegeError {
    move |error| PrivilegeError::Refused(what, error.to_string())
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Account, Keep, Landlock, Paths, PrivilegeError, Sealed, refused, syscalls};
    use caps::{CapSet, Capability, CapsHashSet};
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetError, RulesetStatus, path_beneath_rules,
    };
    use std::ffi::CString;

    /// The newest version of Landlock that is asked for; an older kernel enforces what it knows of it.
    const LANDLOCK: ABI = ABI::V6;

    pub(super) fn keep_capabilities() -> Result<(), PrivilegeError> {
        caps::securebits::set_keepcaps(true).map_err(refused("keepcaps"))
    }

    pub(super) fn set_groups(account: &Account) -> Result<(), PrivilegeError> {
        let name = CString::new(account.name.as_str()).map_err(refused("initgroups"))?;
        nix::unistd::initgroups(&name, account.gid)
            .or_else(|_| nix::unistd::setgroups(&[account.gid]))
            .map_err(refused("setgroups"))
    }

    pub(super) fn seal(keep: Keep, paths: &Paths) -> Result<Sealed, PrivilegeError> {
        nix::sys::prctl::set_no_new_privs().map_err(refused("no_new_privs"))?;
        clear_capabilities(keep).map_err(refused("capset"))?;
        let landlock = landlock(paths).map_err(refused("landlock"))?;
        let calls_refused = syscalls::refuse(keep).unwrap_or_else(|error| {
            tracing::debug!(%error, "the kernel refuses no system calls");
            false
        });
        Ok(Sealed { capabilities: Some(keep), no_new_privileges: true, landlock, calls_refused })
    }

    /// It needs `CAP_SETPCAP`; and without new privileges it bounds nothing any more.
    pub(super) fn clear_bounding_set() {
        drop(caps::clear(None, CapSet::Bounding));
    }

    fn clear_capabilities(keep: Keep) -> Result<(), caps::errors::CapsError> {
        clear_bounding_set();
        // Kernels without it have nothing to clear.
        drop(caps::clear(None, CapSet::Ambient));
        let mut kept = CapsHashSet::new();
        if keep == Keep::NetRaw && caps::has_cap(None, CapSet::Permitted, Capability::CAP_NET_RAW)? {
            kept.insert(Capability::CAP_NET_RAW);
        }
        caps::clear(None, CapSet::Inheritable)?;
        // What is effective must be permitted: shrink the one, then the other, then raise what was kept.
        caps::clear(None, CapSet::Effective)?;
        caps::set(None, CapSet::Permitted, &kept)?;
        caps::set(None, CapSet::Effective, &kept)
    }

    /// Files can be read where libpcap looks for an interface's counters, and temporary ones be written; nothing else but
    /// what is named.
    fn landlock(paths: &Paths) -> Result<Landlock, RulesetError> {
        const READ: [&str; 1] = ["/sys"];
        let temporary = std::env::temp_dir();
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK))?
            .handle_access(AccessNet::from_all(LANDLOCK))?
            .create()?
            .add_rules(path_beneath_rules(READ, AccessFs::from_read(LANDLOCK)))?
            .add_rules(path_beneath_rules([temporary], AccessFs::from_all(LANDLOCK)))?
            .add_rules(path_beneath_rules(&paths.read, AccessFs::from_read(LANDLOCK)))?
            .add_rules(path_beneath_rules(&paths.write, AccessFs::from_all(LANDLOCK)))?
            .restrict_self()?;
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Landlock::Fully,
            RulesetStatus::PartiallyEnforced => Landlock::Partly,
            RulesetStatus::NotEnforced => Landlock::Absent,
        })
    }
}

/// Other systems have users, and nothing of the rest.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Account, Keep, Paths, PrivilegeError, Sealed};

    pub(super) fn keep_capabilities() -> Result<(), PrivilegeError> {
        Ok(())
    }

    #[cfg(not(target_vendor = "apple"))]
    pub(super) fn set_groups(account: &Account) -> Result<(), PrivilegeError> {
        nix::unistd::setgroups(&[account.gid]).map_err(super::refused("setgroups"))
    }

    /// macOS keeps a user's groups elsewhere, and setuid is what counts there.
    #[cfg(target_vendor = "apple")]
    pub(super) fn set_groups(_: &Account) -> Result<(), PrivilegeError> {
        Ok(())
    }

    pub(super) const fn clear_bounding_set() {}

    pub(super) fn seal(_: Keep, _: &Paths) -> Result<Sealed, PrivilegeError> {
        Ok(Sealed::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_that_is_not_there_is_refused() {
        let error = Account::named("no-such-user-here").unwrap_err();
        assert!(error.to_string().starts_with("there is no user no-such-user-here"));
    }

    #[test]
    fn what_could_be_done_is_said() {
        assert_eq!(
            Sealed::default().to_string(),
            "no capabilities on this system, no Landlock on this system, no seccomp on this system"
        );
        let sealed = Sealed {
            capabilities: Some(Keep::NetRaw),
            no_new_privileges: true,
            landlock: Landlock::Fully,
            calls_refused: true,
        };
        assert_eq!(sealed.to_string(), "no capability but CAP_NET_RAW, Landlock, seccomp");
    }
}
