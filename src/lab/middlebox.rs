//! The box in the middle: looks into packets and says which rule of the scenario applies.
//!
//! In: packets in the order in which they were sent. Out: what is to become of each. It keeps what a NAT keeps of a flow:
//! when it was last heard of, and whether it has been forgotten.

use super::packet::{TcpView, flag};
use super::scenario::{Action, Direction, Match, Pick, Rule};
use crate::net::FlowKey;
use std::time::Duration;

/// What the first rule that fits says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No rule fits.
    Nothing,
    /// This is to be done.
    Apply(Action),
}

/// See the module.
pub(super) struct Middlebox {
    rules: Vec<(Rule, u32)>,
    flows: Flows,
}

impl Middlebox {
    pub(super) fn new(rules: &[Rule]) -> Self {
        Self { rules: rules.iter().map(|rule| (rule.clone(), 0)).collect(), flows: Flows::default() }
    }

    pub(super) fn judge(&mut self, at: Duration, direction: Direction, packet: &[u8]) -> Verdict {
        let view = TcpView::of(packet);
        let flow = view.as_ref().map(|view| self.flows.seen(at, view));
        for (rule, fitted) in &mut self.rules {
            if !fits(&rule.matches, at, direction, packet, view.as_ref(), flow.as_ref()) {
                continue;
            }
            *fitted += 1;
            let applied = fitted.checked_sub(rule.skip + 1);
            if applied.is_some_and(|applied| rule.times.is_none_or(|times| applied < times)) {
                return Verdict::Apply(rule.action.clone());
            }
        }
        Verdict::Nothing
    }
}

/// What is known of flows. A recording has few of them.
#[derive(Default)]
pub(super) struct Flows(Vec<(FlowKey, Flow)>);

#[derive(Clone, Debug)]
pub(super) struct Flow {
    number: u32,
    last: Duration,
    longest_silence: Duration,
}

impl Flows {
    fn seen(&mut self, at: Duration, view: &TcpView) -> Flow {
        let key = FlowKey::new(view.source, view.destination);
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        let fresh = Flow { number, last: at, longest_silence: Duration::ZERO };
        let Some((_, flow)) = self.0.iter_mut().find(|(known, _)| *known == key) else {
            self.0.push((key, fresh.clone()));
            return fresh;
        };
        flow.longest_silence = flow.longest_silence.max(at.saturating_sub(flow.last));
        flow.last = at;
        flow.clone()
    }
}

/// Whether a packet is what a condition describes.
pub(super) fn fits(
    condition: &Match,
    at: Duration,
    direction: Direction,
    packet: &[u8],
    view: Option<&TcpView>,
    flow: Option<&Flow>,
) -> bool {
    let payload = view.and_then(|view| packet.get(view.payload.clone())).unwrap_or_default();
    condition.direction.is_none_or(|wanted| wanted == direction)
        && is(condition.what, view, payload)
        && condition.larger_than.is_none_or(|size| packet.len() > size)
        && condition.contains.as_ref().is_none_or(|text| contains(payload, text.as_bytes()))
        && condition.after_ms.is_none_or(|after| at >= after.0)
        && condition.until_ms.is_none_or(|until| at <= until.0)
        && condition.forgotten_after_ms.is_none_or(|limit| flow.is_some_and(|flow| flow.longest_silence >= limit.0))
        && condition.connection.is_none_or(|number| flow.is_some_and(|flow| flow.number == number))
}

fn is(what: Pick, view: Option<&TcpView>, payload: &[u8]) -> bool {
    let Some(view) = view else { return what == Pick::Any };
    match what {
        Pick::Any => true,
        Pick::Syn => view.has(flag::SYN) && !view.has(flag::ACK),
        Pick::SynAck => view.has(flag::SYN | flag::ACK),
        Pick::Bare => payload.is_empty() && !view.has(flag::SYN) && !view.has(flag::RST),
        Pick::Data => !payload.is_empty(),
        // A handshake record whose first message is a ClientHello (RFC 8446, 4 and 5.1).
        Pick::ClientHello => matches!(payload, [0x16, 0x03, _, _, _, 0x01, ..]),
        Pick::Fin => view.has(flag::FIN),
        Pick::Reset => view.has(flag::RST),
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
}
