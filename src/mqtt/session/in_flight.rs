//! What one side asked and the peer has not answered yet, by packet identifier (MQTT 5.0, 2.2.1 and 4.3).

use crate::mqtt::codes::PacketType;
use crate::pack::packed;
use crate::stream::Moment;
use std::collections::BTreeMap;

/// The exchanges that one side began.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    open: BTreeMap<u16, Exchange>,
    forgotten: u64,
}

packed! { struct InFlight { open, forgotten } }

/// An exchange that has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// PUBLISH, SUBSCRIBE or UNSUBSCRIBE; PUBREL in a session that was resumed there.
    pub asked: PacketType,
    /// When it was asked first.
    pub since: Moment,
    /// What the peer has to send next: PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK.
    pub awaits: PacketType,
    /// Whether it was sent again.
    pub repeated: bool,
}

packed! { struct Exchange { asked, since, awaits, repeated } }

impl InFlight {
    /// The open exchanges by identifier.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Exchange)> + '_ {
        self.open.iter().map(|(id, exchange)| (*id, exchange))
    }

    /// The open exchange that waits longest.
    #[must_use]
    pub fn oldest(&self) -> Option<(u16, Exchange)> {
        self.open.iter().min_by_key(|(_, exchange)| exchange.since).map(|(id, exchange)| (*id, *exchange))
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether all is answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// How many were given up because there were too many.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// An exchange begins, or goes on where it was open before. At most `most` are kept: the longest waiting one goes.
    pub(in crate::mqtt) fn ask(&mut self, id: u16, asked: PacketType, awaits: PacketType, at: Moment, most: usize) {
        if let Some(open) = self.open.get_mut(&id)
            && (open.asked == asked || asked == PacketType::PUBREL)
        {
            open.repeated |= open.awaits == awaits;
            open.awaits = awaits;
            return;
        }
        if self.open.len() >= most
            && let Some((oldest, _)) = self.oldest()
        {
            self.open.remove(&oldest);
            self.forgotten += 1;
        }
        self.open.insert(id, Exchange { asked, since: at, awaits, repeated: false });
    }

    /// The peer answers with `answer`: the exchange that this ends, or moves on.
    pub(in crate::mqtt) fn answer(&mut self, id: u16, answer: PacketType, is_failure: bool) -> Option<Exchange> {
        let open = self.open.get_mut(&id).filter(|open| open.awaits == answer)?;
        let answered = *open;
        if answer == PacketType::PUBREC && !is_failure {
            open.awaits = PacketType::PUBCOMP;
        } else {
            self.open.remove(&id);
        }
        Some(answered)
    }
}
