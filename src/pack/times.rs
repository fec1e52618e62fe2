//! [`Pack`] for times and frames. A connection tells few moments many times: each is written once, by its distance from the one
//! before, and by its place from then on.

use super::{Pack, Packer, Unpacker};
use crate::frame::FrameId;
use crate::time::Timestamp;

/// The place of a time that equals the last one.
const SAME: u64 = 0;
/// A new time follows.
const NEW: u64 = 1;
/// The place of the first time that is remembered.
const KNOWN: u64 = 2;

/// So many times are remembered: their places take one byte.
const REMEMBERED: usize = 126;

/// The moments that were told.
#[derive(Debug, Default)]
pub(super) struct Times {
    known: Vec<Known>,
    /// The last one: a time, and the frame that it is expected with.
    last: Known,
    /// Where it is among those that are known.
    place: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    nanos: i64,
    frame: u64,
}

impl Times {
    /// Takes a time that was not told before: it belongs to the frame after the last one, unless something else is said.
    fn add(&mut self, nanos: i64) {
        self.last.nanos = nanos;
        self.place = self.known.len();
        if self.place < REMEMBERED {
            self.known.push(self.last);
        }
    }

    fn choose(&mut self, place: usize) -> Option<()> {
        self.last = *self.known.get(place)?;
        self.place = place;
        Some(())
    }

    fn set_frame(&mut self, frame: u64) {
        self.last.frame = frame;
        if let Some(known) = self.known.get_mut(self.place) {
            known.frame = frame;
        }
    }
}

impl Pack for Timestamp {
    fn pack(&self, to: &mut Packer) {
        let nanos = self.as_nanos();
        let is_same = !to.times.known.is_empty() && to.times.last.nanos == nanos;
        if is_same {
            to.number(SAME);
        } else if let Some(place) = to.times.known.iter().position(|known| known.nanos == nanos) {
            to.number(place as u64 + KNOWN);
            let _known = to.times.choose(place);
        } else {
            to.number(NEW);
            to.signed(nanos.wrapping_sub(to.times.last.nanos));
            to.times.add(nanos);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.number()? {
            SAME => {}
            NEW => {
                let nanos = from.signed()?.wrapping_add(from.times.last.nanos);
                from.times.add(nanos);
            }
            place => from.times.choose(usize::try_from(place - KNOWN).ok()?)?,
        }
        Some(Self::from_nanos(from.times.last.nanos))
    }
}

/// By its distance from the frame that was last seen with the last time.
impl Pack for FrameId {
    fn pack(&self, to: &mut Packer) {
        let frame = u64::from(self.file()) << 48 | self.number();
        to.signed(frame.wrapping_sub(to.times.last.frame).cast_signed());
        to.times.set_frame(frame);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let frame = from.signed()?.cast_unsigned().wrapping_add(from.times.last.frame);
        from.times.set_frame(frame);
        Some(Self::new(u16::try_from(frame >> 48).ok()?, frame))
    }
}
