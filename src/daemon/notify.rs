//! What systemd is told, where it asked (`NOTIFY_SOCKET`): ready, reloading, alive, stopping.

use sd_notify::NotifyState;
use std::time::Duration;

/// The daemon captures and answers.
pub(super) fn ready(interfaces: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("capturing on {interfaces}"))]);
}

/// It reads its configuration; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It finishes what it has.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Its analysis moves.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear that: twice as often as it must.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|deadline| deadline / 2).filter(|interval| !interval.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
