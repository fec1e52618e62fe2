//! `iotcap run -- CMD ARG…`: captures while a command runs, then reports. The command has its input and output to itself; the
//! report follows when it has ended.

use crate::analyze::exit_code;
use crate::cli::{FailOn, OutputArgs, RunArgs};
use crate::live::{Rights, Session, Signal};
use crate::privileges::Account;
use crate::report::Pace;
use crate::source::live::{default_route, loopback};
use anyhow::{Context, Result};
use nix::sys::signal::{Signal as Number, kill};
use nix::unistd::{Pid, Uid};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::Duration;

/// After the command has ended, its connections may still be closing: so long without a frame, and they are done.
const QUIET: Duration = Duration::from_millis(250);

/// Runs the command and analyses what it sent and received.
///
/// # Errors
/// One sentence where the capture cannot be opened, the command not be started, or the report not be written.
pub fn run(arguments: &RunArgs) -> Result<ExitCode> {
    let RunArgs { live, selection, output, command } = arguments;
    let signal = Signal::catch()?;
    let interfaces = if live.interfaces.is_empty() { default_interfaces() } else { live.interfaces.clone() };
    let session = Session::open(&interfaces, live, selection, output, Pace::AtEnd)?;
    let rights = Rights::of(live, output)?;
    session.hand_files_to(rights.account());
    let caller = Account::of_sudo().filter(|_| Uid::effective().is_root());
    // The command runs as the caller, with all of the caller's groups: which this process has once it became the caller.
    let is_caller = caller.is_some() && rights.account() == caller.as_ref();
    if is_caller {
        rights.become_user()?;
    }
    let mut running = Running::start(command, caller.filter(|_| !is_caller), &signal)?;
    if !is_caller {
        rights.leave_root()?;
    }
    rights.seal()?;
    let mut watch = session.start(signal)?;
    watch.run_until(|watch| Ok(running.has_ended(watch.signal())? && watch.quiet_for() >= QUIET))?;
    let status = running.wait()?;
    let summary = watch.finish()?;
    Ok(match code(status) {
        0 => exit_code(&summary, output.fail_on.unwrap_or_else(|| by_default(output))),
        code => ExitCode::from(code),
    })
}

/// Expectations say themselves which connections may fail.
const fn by_default(output: &OutputArgs) -> FailOn {
    if output.expect.is_some() { FailOn::Never } else { FailOn::Failed }
}

/// Where a command on this machine talks: to itself, or to the world.
fn default_interfaces() -> Vec<String> {
    let mut names: Vec<String> = loopback().into_iter().chain(default_route()).collect();
    names.dedup();
    names
}

/// The command, while it runs.
struct Running {
    child: Child,
    status: Option<ExitStatus>,
    told_to_end: bool,
    /// Whether a signal had come by the time that it was there: it may have missed that.
    came_late: bool,
}

impl Running {
    fn start(command: &[std::ffi::OsString], caller: Option<Account>, signal: &Signal) -> Result<Self> {
        let (program, arguments) = command.split_first().context("no command is named")?;
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(caller) = caller {
            command.uid(caller.uid.as_raw()).gid(caller.gid.as_raw());
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, status: None, told_to_end: false, came_late: signal.seen().is_some() })
    }

    /// Whether it has ended. A signal that ends this program is passed on to it; Ctrl-C reaches it by itself, once it is there.
    fn has_ended(&mut self, signal: &Signal) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait().context("the command cannot be waited for")?;
        }
        if let Some(number) = signal.seen().filter(|number| *number != Number::SIGINT || self.came_late)
            && self.status.is_none()
            && !std::mem::replace(&mut self.told_to_end, true)
        {
            let id = i32::try_from(self.child.id()).map(Pid::from_raw).context("no such process")?;
            // It may be another user's by now: then there is nothing to pass on.
            let _ = kill(id, number);
        }
        Ok(self.status.is_some())
    }

    fn wait(mut self) -> Result<ExitStatus> {
        match self.status {
            Some(status) => Ok(status),
            None => self.child.wait().context("the command cannot be waited for"),
        }
    }
}

/// The status as a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_a_shells() {
        assert_eq!(code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
        assert_eq!(code(ExitStatus::from_raw(0)), 0);
    }
}
