//! What the rules about the TLS handshake ask of a case: how far it was, who refused whom, and by what sign.
//!
//! Facts of TCP and TLS come in; a [`Refusal`] goes out. It names no cause: that is for the rules.

use super::Case;
use crate::connection::Record;
use crate::event::By;
use crate::evidence::{Basis, Confidence};
use crate::net::Side;
use crate::stream::Moment;
use crate::tcp::Reset;
use crate::timeline::{CloseHow, Phase, Rung};
use crate::tls::{self, AlertDescription, AlertLevel, AlertSeen, Certificate, ClientHello, Resumed, Version};
use std::time::Duration;

/// How far a handshake was when something ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The server has not chosen a version and a suite.
    Hello,
    /// The server has; the client has not answered its flight.
    ServerFlight,
    /// The client has; the server has not accepted it.
    ClientFlight,
    /// The server has accepted the client.
    Accepted,
}

impl Stage {
    /// The phase that something at this stage stops.
    pub(super) fn phase(self, record: &Record) -> Phase {
        match self {
            Self::Hello => Phase::TlsHello,
            Self::ServerFlight | Self::ClientFlight => Phase::TlsAuthentication,
            Self::Accepted if record.timeline.reached >= Some(Rung::MqttConnected) => Phase::MqttSession,
            Self::Accepted => Phase::MqttConnect,
        }
    }
}

/// The first sign that a side would not go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) by: Side,
    pub(super) stage: Stage,
    pub(super) at: Moment,
    pub(super) sign: Sign,
    pub(super) basis: Basis,
}

/// What the sign was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// An alert that could be read.
    Alert(AlertDescription),
    /// An alert that could not.
    SealedAlert,
    /// A FIN or a reset without an alert, in the middle of the handshake.
    Close(CloseHow),
    /// The same by a client that has finished its part and says nothing: some judge the certificate only then.
    LateClose(CloseHow),
}

impl Refusal {
    /// The alert, where it could be read.
    pub(super) const fn alert(&self) -> Option<AlertDescription> {
        match self.sign {
            Sign::Alert(alert) => Some(alert),
            _ => None,
        }
    }

    /// The alert of one side, where it could be read and is one of these.
    pub(super) fn alert_among(&self, by: Side, among: &[AlertDescription]) -> Option<AlertDescription> {
        self.alert().filter(|alert| self.by == by && among.contains(alert))
    }

    /// `alert unknown_ca, frame 14`.
    pub(super) fn shown(&self) -> String {
        let frame = self.at.frame;
        match self.sign {
            Sign::Alert(alert) => format!("alert {alert}, frame {frame}"),
            Sign::SealedAlert => format!("an encrypted alert, frame {frame}"),
            Sign::Close(how) | Sign::LateClose(how) => {
                format!("{}, frame {frame}", how.name().to_uppercase())
            }
        }
    }

    /// How sure the sign alone makes a conclusion: a close says less than an alert.
    pub(super) fn confidence(&self) -> Confidence {
        match self.sign {
            Sign::Alert(_) => self.basis.confidence(),
            Sign::SealedAlert | Sign::Close(_) => self.basis.confidence().min(Confidence::Likely),
            Sign::LateClose(_) => Confidence::Possible,
        }
    }
}

/// What a client says of a server's certificate, or a server of a client's.
pub(super) const JUDGES_CERTIFICATE: [AlertDescription; 7] = [
    AlertDescription::BAD_CERTIFICATE,
    AlertDescription::UNSUPPORTED_CERTIFICATE,
    AlertDescription::CERTIFICATE_REVOKED,
    AlertDescription::CERTIFICATE_EXPIRED,
    AlertDescription::CERTIFICATE_UNKNOWN,
    AlertDescription::UNKNOWN_CA,
    AlertDescription::CERTIFICATE_REQUIRED,
];

/// The alerts that end a connection in peace (RFC 8446, 6.1).
pub(super) const CLOSURE: [AlertDescription; 2] = [AlertDescription::CLOSE_NOTIFY, AlertDescription::USER_CANCELED];

impl<'a> Case<'a> {
    /// What TLS shows.
    pub(super) fn tls(&self) -> Option<&'a tls::Facts> {
        self.record.tls.as_deref()
    }

    /// The ClientHello.
    pub(super) fn hello(&self) -> Option<&'a ClientHello> {
        self.tls()?.client_hello.as_deref()
    }

    /// The server's own certificate, where it was readable.
    pub(super) fn server_certificate(&self) -> Option<&'a Certificate> {
        let chain = self.tls()?.certificates.server.as_ref()?;
        chain.first().map(|leaf| &**leaf).filter(|leaf| leaf.error.is_none())
    }

    /// The capture's time, in the unit of certificates.
    pub(super) fn now_secs(&self) -> i64 {
        self.record.first.at.as_secs()
    }

    /// Whether the capture shows the beginning, and both directions.
    pub(super) fn sees_both_sides_from_the_start(&self) -> bool {
        !self.record.tcp.midstream && self.record.tcp.one_sided.is_none()
    }

    /// The first FIN or reset of a side, if nobody forged it.
    pub(super) fn close_of(&self, side: Side) -> Option<(Moment, CloseHow)> {
        let facts = self.record.tcp.side(side);
        let fin = facts.fin.map(|fin| (fin.at, CloseHow::Fin));
        let reset = facts.reset.filter(Reset::closes).filter(|_| self.record.forged_reset(side).is_none());
        let reset = reset.map(|reset| (reset.at, CloseHow::Rst));
        fin.into_iter().chain(reset).min_by_key(|(at, _)| *at)
    }

    /// The side that closed first, when and how; none where something on the path was sooner: what the sides do then tells
    /// nothing of them.
    pub(super) fn first_close(&self) -> Option<(Side, Moment, CloseHow)> {
        *self.asked.first_close.get_or_init(|| self.find_first_close())
    }

    fn find_first_close(&self) -> Option<(Side, Moment, CloseHow)> {
        if self.record.timeline.closed.is_some_and(|closed| closed.by == By::Path) {
            return None;
        }
        let closes = Side::BOTH.into_iter().filter_map(|side| self.close_of(side).map(|(at, how)| (side, at, how)));
        closes.min_by_key(|(_, at, _)| *at)
    }

    /// What the server needed between two moments, without the way there and back.
    pub(super) fn beyond_the_way(&self, asked: Moment, answered: Moment) -> Duration {
        answered.at.since(asked.at).saturating_sub(self.record.tcp.handshake.to_server.unwrap_or_default())
    }

    /// Whether the server came to its end so long after the client's Finished that it is rather a timer's than a judgement.
    pub(super) fn waited_in_vain(&self, refusal: &Refusal) -> bool {
        let finished = self.tls().and_then(|tls| tls.finished.client);
        finished.is_some_and(|mark| self.beyond_the_way(mark.at, refusal.at) >= self.thresholds.server_silent)
    }

    /// The first sign that one side would not go on with the handshake; or a fatal alert after it.
    ///
    /// An alert that answers the other side's close is none, and neither is a warning that its sender goes on after.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        *self.asked.refusal.get_or_init(|| self.find_refusal())
    }

    fn find_refusal(&self) -> Option<Refusal> {
        let tls = self.tls()?;
        let by_alert = tls.alerts.iter().find(|seen| self.is_refusal(tls, seen)).and_then(|seen| {
            let sign = seen.alert.map_or(Sign::SealedAlert, |alert| Sign::Alert(alert.description));
            let stage = stage(tls, seen.at)?;
            Some(Refusal { by: seen.by, stage, at: seen.at, sign, basis: seen.basis })
        });
        by_alert.or_else(|| {
            // That nothing else was said is known only where nothing is missing.
            let (by, at, how) = self.first_close().filter(|_| !self.record.may_have_missed_frames())?;
            let stage = stage(tls, at).filter(|stage| *stage != Stage::Accepted)?;
            tls.client_hello.as_ref().filter(|_| tls.not_tls.server.is_none())?;
            Some(Refusal { by, stage, at, sign: Sign::Close(how), basis: Basis::Observed })
        })
    }

    /// The client's sign that it will not have this server.
    pub(super) fn server_refused(&self) -> Option<Refusal> {
        *self.asked.server_refused.get_or_init(|| self.find_server_refused())
    }

    fn find_server_refused(&self) -> Option<Refusal> {
        let refusal = self.refusal();
        match refusal {
            Some(refusal) if refusal.by == Side::Client => match refusal.sign {
                Sign::Alert(alert) if refusal.stage == Stage::ServerFlight || JUDGES_CERTIFICATE.contains(&alert) => {
                    Some(refusal)
                }
                Sign::SealedAlert | Sign::Close(_) if refusal.stage == Stage::ServerFlight => Some(refusal),
                Sign::SealedAlert | Sign::Close(_) => self.late_close(),
                _ => None,
            },
            Some(_) => None,
            None => self.late_close(),
        }
    }

    /// The client finished its part of a full handshake, sent nothing, and closed at once. One that named no server is
    /// rather a health check than a device, and on a port that nobody named it may be a browser's spare connection.
    fn late_close(&self) -> Option<Refusal> {
        let tls = self.tls()?;
        let (by, at, how) = self.first_close().filter(|_| !self.record.may_have_missed_frames())?;
        let finished = tls.finished.client?;
        let waited = at.at.since(finished.at.at);
        let way = self.record.tcp.handshake.round_trip().unwrap_or_default();
        let server_agreed = tls.version() == Some(Version::TLS_1_3) || tls.finished.server.is_some();
        let nothing_sent = tls.first_application.client.is_none() && tls.first_application.server.is_none();
        let at_once = waited < self.thresholds.slow_client + way;
        let names_server = self.hello()?.server_name.is_some();
        let is_late_close = by == Side::Client
            && self.record.is_on_a_named_port()
            && names_server
            && tls.resumed == Resumed::No
            && server_agreed
            && nothing_sent
            && at_once;
        is_late_close.then_some(Refusal {
            by,
            stage: Stage::ServerFlight,
            at,
            sign: Sign::LateClose(how),
            basis: Basis::Inferred(Confidence::Possible),
        })
    }

    fn is_refusal(&self, tls: &tls::Facts, seen: &AlertSeen) -> bool {
        let peer = seen.by.peer();
        let peer_closed = self.close_of(peer).is_some_and(|(at, _)| at < seen.at)
            || tls.close_notify[peer].is_some_and(|mark| mark.at < seen.at);
        let goodbye = self.record.mqtt.as_ref().is_some_and(|mqtt| {
            Side::BOTH.into_iter().any(|side| mqtt.disconnect[side].is_some_and(|mark| mark.at <= seen.at))
        });
        let all_seen = !self.record.may_have_missed_frames();
        let was_last = tls.records[seen.by].last <= Some(seen.at);
        let stage = stage(tls, seen.at);
        let accepted = stage == Some(Stage::Accepted);
        match seen.alert {
            Some(alert) if JUDGES_CERTIFICATE.contains(&alert.description) && was_last => true,
            _ if peer_closed || goodbye => false,
            Some(alert) if CLOSURE.contains(&alert.description) => match seen.by {
                // Whoever says goodbye in the middle of the handshake refuses, without saying why.
                Side::Client => all_seen && stage == Some(Stage::ServerFlight),
                Side::Server => all_seen && matches!(stage, Some(Stage::Hello | Stage::ServerFlight)),
            },
            Some(alert) => {
                let fatal = alert.level == AlertLevel::FATAL || tls.version() == Some(Version::TLS_1_3);
                alert.description != AlertDescription::NO_RENEGOTIATION && (fatal || was_last && !accepted)
            }
            // Of a session that works only close_notify is ever sealed; in the handshake none of these is.
            None => all_seen && was_last && !accepted && self.record.timeline.closed.is_some(),
        }
    }
}

/// How far the handshake was at a moment; none where the capture lacks what would tell.
fn stage(tls: &tls::Facts, at: Moment) -> Option<Stage> {
    let Some(hello) = tls.server_hello_at else {
        let unseen_hello = tls.history.as_str().chars().any(|c| c.is_ascii_lowercase() && !"jli".contains(c));
        return (!unseen_hello && !client_answered(tls)).then_some(Stage::Hello);
    };
    Some(if at < hello {
        Stage::Hello
    } else if accepted(tls).is_some_and(|accepted| accepted <= at) {
        Stage::Accepted
    } else if client_answered(tls) {
        Stage::ClientFlight
    } else {
        Stage::ServerFlight
    })
}

/// Whether the client answered the server's flight with its own, read or inferred.
pub(super) fn client_answered(tls: &tls::Facts) -> bool {
    // Of the client's messages these come behind the server's flight only (see `tls::History`).
    tls.finished.client.is_some()
        || tls.client_certificate.0 == tls::ClientCertificate::Sent
        || tls.client_certificate.0 == tls::ClientCertificate::Missing
        || tls.history.as_str().contains(['G', 'X', 'Y', 'Z', 'F'])
}

/// When it was clear that the server accepted the client.
pub(super) fn accepted(tls: &tls::Facts) -> Option<Moment> {
    let both_finished = match (tls.finished.client, tls.finished.server) {
        (Some(client), Some(server)) if tls.version() < Some(Version::TLS_1_3) => Some(client.at.max(server.at)),
        _ => None,
    };
    let marks = [tls.server_accepted, tls.first_application.server];
    marks.into_iter().flatten().map(|mark| mark.at).chain(both_finished).min()
}

/// A duration as people say it: `0.4 ms`, `21 ms`, `5.0 s`.
pub(super) fn shown(time: Duration) -> String {
    let millis = crate::time::millis(time);
    match millis {
        ..10.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

/// A date as people write it: `2026-11-19`.
pub(super) fn date(seconds: i64) -> String {
    crate::time::Timestamp::from_secs(seconds).to_string().chars().take(10).collect()
}
