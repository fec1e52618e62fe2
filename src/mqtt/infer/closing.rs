//! The end of a session: what the last records were. Two bytes are a DISCONNECT, a ping without an answer, or (where alerts
//! cannot be told by their type) close_notify.

use super::exchange::{Exchange, OR_SUBSCRIBE, PROMPT, Two};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::net::Side;
use crate::stream::{End, Moment};
use std::time::Duration;

/// What breaks a silence like this, and is answered by a reset, is a ping rather than a farewell.
const LONG_SILENCE: Duration = Duration::from_secs(3);

/// close_notify and the FIN behind it are sent as one.
const ONE_ACT: Duration = Duration::from_millis(5);

/// How it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    /// Who closes, and how; none where the capture ends.
    pub(super) end: Option<(Side, End)>,
    pub(super) at: Moment,
    /// Alerts have a record type of their own.
    pub(super) alerts_visible: bool,
}

impl Close {
    fn side(&self) -> Option<Side> {
        self.end.map(|(side, _)| side)
    }
}

impl Exchange {
    /// A side closes, or the capture ends.
    pub(super) fn close(&mut self, close: Close, out: &mut Output<'_, impl Sink>) {
        let side = close.side();
        self.server_closed |= side == Some(Side::Server);
        self.settle_push(side == Some(Side::Server), out);
        self.explain_rest(out);
        self.close_pair(close, out);
        let is_left = !self.twos.is_empty();
        self.close_twos(close, out);
        self.close_held(side == Some(Side::Client) && is_left, close.at, out);
    }

    /// A record of two bytes that was answered by two: a ping, unless both were farewells.
    fn close_pair(&mut self, Close { end, at, alerts_visible }: Close, out: &mut Output<'_, impl Sink>) {
        let Some((asked, answer)) = self.pair.take() else { return };
        let is_ping = alerts_visible || at.at.since(answer.at.at) >= PROMPT && self.twos.is_empty();
        // A ping breaks a silence (MQTT 5.0, 3.1.2.10); in the middle of talk that ends with it, this is a farewell. So it is
        // where the server's answer and its FIN are one act: that answer is close_notify.
        let is_one_act = end == Some((Side::Server, End::Fin)) && at.at.since(answer.at.at) < ONE_ACT;
        let is_farewell = end.is_some() && asked.silence < PROMPT || is_one_act;
        if is_ping {
            out.tell_ping(asked.record, Some(answer), Likely, "");
        } else if is_farewell {
            out.tell_disconnect(asked.record, Possible, "PINGREQ, and its answer right before the end");
        } else {
            out.tell_ping(asked.record, Some(answer), Possible, "DISCONNECT, and the server's close_notify");
        }
    }

    /// The client's last records of two bytes.
    fn close_twos(&mut self, close: Close, out: &mut Output<'_, impl Sink>) {
        let (Close { end, at, alerts_visible }, side) = (close, close.side());
        let mut twos = std::mem::take(&mut self.twos);
        let Some(last) = twos.pop() else { return };
        if !alerts_visible && out.facts.disconnect.client.is_some() {
            // DISCONNECT was said in another form: this is close_notify.
            return;
        }
        // DISCONNECT, and close_notify right behind it.
        let is_both = |first: &Two| !first.is_ping && last.record.at.at.since(first.record.at.at) < PROMPT;
        let both = twos.pop_if(|first| !alerts_visible && is_both(first));
        for two in twos {
            out.tell_ping(two.record, None, Likely, "");
        }
        let was_prompt = at.at.since(last.record.at.at) < PROMPT;
        let is_exact = last.record.len.is_exact();
        if let Some(first) = both {
            // Before CONNACK a client has nothing to take leave from.
            let is_sure = out.facts.connack_at.is_some();
            out.tell_disconnect(first.record, if is_sure { Likely } else { Possible }, "");
        } else if last.is_ping || (!was_prompt && is_exact && is_in_step(last.record, out)) {
            out.tell_ping(last.record, None, if is_exact { Likely } else { Possible }, "");
        } else if !was_prompt || end == Some((Side::Server, End::Reset)) && last.silence >= LONG_SILENCE {
            out.tell_ping(last.record, None, Possible, "DISCONNECT");
        } else if side.is_none() {
            out.tell_ping(last.record, None, Possible, "DISCONNECT, or close_notify");
        } else if !is_exact {
            out.tell_disconnect(last.record, Possible, "a small message, or PINGREQ");
        } else if alerts_visible && side == Some(Side::Client) {
            out.tell_disconnect(last.record, Likely, "");
        } else {
            out.tell_disconnect(last.record, Possible, "close_notify alone, or PINGREQ");
        }
    }

    /// The client's records that were never answered. `is_left`: it took its leave itself.
    fn close_held(&mut self, is_left: bool, at: Moment, out: &mut Output<'_, impl Sink>) {
        let patience = self.patience();
        for held in std::mem::take(&mut self.held) {
            // A client that wants messages waits for them; one that publishes with QoS 0 has nothing to wait for.
            if is_left || at.at.since(held.record.at.at) >= patience {
                self.tell_unanswered(held, out);
            } else {
                out.tell(held.record, Reading::Publish, Possible, OR_SUBSCRIBE);
            }
        }
    }
}

/// Whether the record comes when the next ping is due, within a fifth.
fn is_in_step(record: Record, out: &Output<'_, impl Sink>) -> bool {
    let pings = &out.facts.pings;
    let (Some(last), Some(interval)) = (pings.last, pings.intervals.median()) else { return false };
    record.at.at.since(last.at).abs_diff(interval) <= interval / 5
}
