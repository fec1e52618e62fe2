//! Values as few bytes, and back: what a connection that sleeps is kept as.
//!
//! A value goes in by [`Packing::pack`], and exactly the same comes out of [`Packing::unpack`]. Choices and numbers that are small, which are
//! most of a connection, take but a few bits; other numbers as many bytes as they need; a time that was told before is told by its
//! place among all times. That is as small as if it were deflated, and takes a tenth of the time. What many connections share stays
//! shared: it is kept beside the bytes. The bytes never leave the process, so that they have no version.

use std::any::Any;
use std::sync::Arc;

mod times;
mod values;

use times::Times;

/// A value that can be packed. `packed!` writes this for a struct or an enum from the list of its fields or variants.
pub(crate) trait Pack: Sized {
    /// Writes it.
    fn pack(&self, to: &mut Packer);

    /// Reads it; none where these are not the bytes of such a value.
    fn unpack(from: &mut Unpacker<'_>) -> Option<Self>;
}

/// What is kept beside the bytes.
type Handle = Arc<dyn Any + Send + Sync>;

/// A packed value.
#[derive(Debug)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    handles: Box<[Handle]>,
}

impl Packed {
    /// What it takes, in bytes, beside what many share.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.handles)
    }
}

/// Packs and unpacks whole values. It keeps its room for the next one.
#[derive(Debug, Default)]
pub(crate) struct Packing {
    room: Vec<u8>,
}

impl Packing {
    /// Packs a value; none where a part of it refuses.
    pub(crate) fn pack(&mut self, value: &impl Pack) -> Option<Packed> {
        self.room.clear();
        let mut to = Packer { bytes: std::mem::take(&mut self.room), ..Packer::default() };
        value.pack(&mut to);
        let Packer { bytes, handles, refused, .. } = to;
        let packed = (!refused).then(|| Packed { bytes: bytes.as_slice().into(), handles: handles.into() });
        self.room = bytes;
        packed
    }

    /// The value again.
    pub(crate) fn unpack<T: Pack>(packed: &Packed) -> Option<T> {
        T::unpack(&mut Unpacker::new(&packed.bytes, &packed.handles))
    }
}

/// A byte amid the others that takes the next single bits, from the highest on.
#[derive(Clone, Copy, Debug, Default)]
struct Bits {
    place: usize,
    left: u32,
}

/// Takes the parts of a value.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    /// The byte that single bits go into.
    open: Bits,
    handles: Vec<Handle>,
    /// The addresses of what was written once and is referred to from then on.
    written: Vec<usize>,
    times: Times,
    refused: bool,
}

impl Packer {
    /// This value cannot be packed: it is secret, or unknown.
    pub(crate) const fn refuse(&mut self) {
        self.refused = true;
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn bit(&mut self, bit: bool) {
        self.bits(u32::from(bit), 1);
    }

    /// So many bits, at most eight, the highest first.
    fn bits(&mut self, bits: u32, count: u32) {
        let mut rest = count;
        if rest > self.open.left {
            rest -= self.open.left;
            self.fill(bits >> rest);
            self.open = Bits { place: self.bytes.len(), left: 8 };
            self.bytes.push(0);
        }
        self.open.left -= rest;
        self.fill((bits & ((1 << rest) - 1)) << self.open.left);
    }

    fn fill(&mut self, bits: u32) {
        if let Some(byte) = self.bytes.get_mut(self.open.place) {
            *byte |= bits.to_le_bytes()[0];
        }
    }

    /// Zero in a bit, a small one in six; else two, and seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        match number {
            0 => return self.bits(0, 1),
            1..=SMALL => {
                return self.bits(1 << (SMALL_BITS + 1) | u32::from(number.to_le_bytes()[0] - 1), SMALL_BITS + 2);
            }
            _ => self.bits(0b11, 2),
        }
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    /// Small ones of either sign are short.
    fn signed(&mut self, number: i64) {
        let number = swapped(number);
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// A variant's place in a list of so many.
    pub(crate) fn tag(&mut self, tag: u8, of: usize) {
        self.bits(tag.into(), tag_bits(of));
    }

    /// Something that many connections share.
    pub(crate) fn handle<T: Any + Send + Sync>(&mut self, shared: &Arc<T>) {
        let address = Arc::as_ptr(shared).addr();
        let known = self.handles.iter().position(|handle| Arc::as_ptr(handle).addr() == address);
        self.number(known.unwrap_or(self.handles.len()) as u64);
        if known.is_none() {
            let handle: Handle = Arc::<T>::clone(shared);
            self.handles.push(handle);
        }
    }

    /// Something that this connection alone holds, though perhaps in several places.
    pub(crate) fn once<T: ?Sized>(&mut self, owned: &Arc<T>, pack: impl FnOnce(&T, &mut Self)) {
        let address = Arc::as_ptr(owned).addr();
        if let Some(known) = self.written.iter().position(|written| *written == address) {
            self.number(known as u64 + 1);
        } else {
            self.number(0);
            pack(owned, self);
            self.written.push(address);
        }
    }
}

/// The largest number that is small, and how many bits tell which one of them it is, from 1.
const SMALL: u64 = 1 << SMALL_BITS;
const SMALL_BITS: u32 = 4;

/// How many bits tell one of so many variants.
const fn tag_bits(of: usize) -> u32 {
    usize::BITS - of.saturating_sub(1).leading_zeros()
}

/// The largest number often stands for none: it changes places with one that is short and rare.
const fn swapped(number: i64) -> i64 {
    const RARE: i64 = -64;
    match number {
        i64::MAX => RARE,
        RARE => i64::MAX,
        other => other,
    }
}

/// Gives the parts of a value in the order in which they were packed.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    bytes: &'a [u8],
    /// What is left of the byte of single bits, the next one highest, and how many they are: fewer than eight.
    open: (u32, u32),
    handles: &'a [Handle],
    /// What is referred to again.
    made: Vec<Box<dyn Any>>,
    times: Times,
}

impl<'a> Unpacker<'a> {
    fn new(bytes: &'a [u8], handles: &'a [Handle]) -> Self {
        Self { bytes, open: (0, 0), handles, made: Vec::new(), times: Times::default() }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    fn bit(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit != 0)
    }

    fn bits(&mut self, count: u32) -> Option<u8> {
        let (mut bits, mut left) = self.open;
        if left < count {
            (bits, left) = (bits << 8 | u32::from(self.byte()?), left + 8);
        }
        left -= count;
        self.open = (bits & ((1 << left) - 1), left);
        Some((bits >> left).to_le_bytes()[0])
    }

    fn number(&mut self) -> Option<u64> {
        if !self.bit()? {
            return Some(0);
        }
        if !self.bit()? {
            return Some(u64::from(self.bits(SMALL_BITS)?) + 1);
        }
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some(swapped((number >> 1).cast_signed() ^ -(number & 1).cast_signed()))
    }

    /// A variant's place in a list of so many.
    pub(crate) fn tag(&mut self, of: usize) -> Option<u8> {
        self.bits(tag_bits(of))
    }

    /// How many items follow, each of which takes at least a bit of what is left.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// What [`Packer::handle`] took.
    pub(crate) fn handle<T: Any + Send + Sync>(&mut self) -> Option<Arc<T>> {
        let index = self.count()?;
        Arc::clone(self.handles.get(index)?).downcast().ok()
    }

    /// What [`Packer::once`] took.
    pub(crate) fn once<T: ?Sized + 'static>(
        &mut self,
        unpack: impl FnOnce(&mut Self) -> Option<Arc<T>>,
    ) -> Option<Arc<T>> {
        if let Some(known) = self.count()?.checked_sub(1) {
            return self.made.get(known)?.downcast_ref::<Arc<T>>().cloned();
        }
        let made = unpack(self)?;
        self.made.push(Box::new(Arc::clone(&made)));
        Some(made)
    }
}

/// Writes [`Pack`] for a struct or an enum: all its fields or variants in a row. The compiler misses one that is left out.
macro_rules! packed {
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::pack::Pack for $name {
            fn pack(&self, to: &mut $crate::pack::Packer) {
                let Self { $($field),* } = self;
                $($crate::pack::Pack::pack($field, to);)*
            }

            fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                Some(Self { $($field: $crate::pack::Pack::unpack(from)?),* })
            }
        }
    };
    (struct $name:ident(_)) => {
        impl $crate::pack::Pack for $name {
            fn pack(&self, to: &mut $crate::pack::Packer) {
                $crate::pack::Pack::pack(&self.0, to);
            }

            fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                $crate::pack::Pack::unpack(from).map(Self)
            }
        }
    };
    (enum $name:ident {
        $($variant:ident $(($($item:ident),*))? $({ $($field:ident),* $(,)? })?),* $(,)?
    }) => {
        const _: () = {
            #[repr(u8)]
            enum Tag { $($variant),* }
            const COUNT: usize = [$(Tag::$variant as u8),*].len();

            impl $crate::pack::Pack for $name {
                fn pack(&self, to: &mut $crate::pack::Packer) {
                    match self {
                        $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                            to.tag(Tag::$variant as u8, COUNT);
                            $($($crate::pack::Pack::pack($item, to);)*)?
                            $($($crate::pack::Pack::pack($field, to);)*)?
                        })*
                    }
                }

                fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                    match from.tag(COUNT)? {
                        $(tag if tag == Tag::$variant as u8 => {
                            $($(let $item = $crate::pack::Pack::unpack(from)?;)*)?
                            Some(Self::$variant
                                $(($($item),*))?
                                $({ $($field: $crate::pack::Pack::unpack(from)?),* })?)
                        })*
                        _ => None,
                    }
                }
            }
        };
    };
    // What many connections share is not packed.
    (shared $name:ident) => {
        impl $crate::pack::Pack for ::std::sync::Arc<$name> {
            fn pack(&self, to: &mut $crate::pack::Packer) {
                to.handle(self);
            }

            fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                from.handle()
            }
        }
    };
    // What a connection holds in several places is packed once.
    (once $name:ident) => {
        impl $crate::pack::Pack for ::std::sync::Arc<$name> {
            fn pack(&self, to: &mut $crate::pack::Packer) {
                to.once(self, $crate::pack::Pack::pack);
            }

            fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                from.once(|from| $crate::pack::Pack::unpack(from).map(::std::sync::Arc::new))
            }
        }
    };
}

pub(crate) use packed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::stream::Moment;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn again<T: Pack>(value: &T) -> Option<T> {
        Packing::default().pack(value).and_then(|packed| Packing::unpack(&packed))
    }

    proptest! {
        #[test]
        fn numbers_and_bytes_come_back(
            unsigned: Vec<u64>, signed: Vec<i64>, bytes in prop::collection::vec(0_u8..3, 0..600), text: String,
        ) {
            let value = (unsigned, signed.into_iter().map(Timestamp::from_nanos).collect::<Vec<_>>(), bytes, text);
            prop_assert_eq!(again(&value), Some(value));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let mut from = Unpacker::new(&bytes, &[]);
            let _ = Vec::<String>::unpack(&mut from);
            let _ = Vec::<Option<Arc<str>>>::unpack(&mut from);
            let _ = Moment::unpack(&mut from);
            let packed = Packed { bytes: bytes.into(), handles: Box::default() };
            let _: Option<Vec<Moment>> = Packing::unpack(&packed);
        }
    }

    #[test]
    fn moments_that_follow_each_other_are_small() {
        let at = |nanos, number| Moment::new(Timestamp::from_nanos(nanos), FrameId::new(1, number));
        let first = at(1_763_800_000_000_000_000, 70_000);
        let near = vec![first, first, at(1_763_800_000_000_400_000, 70_001)];
        let mut to = Packer::default();
        near.pack(&mut to);
        // Each of the three takes 18 by itself.
        assert!(to.bytes.len() < 2 * 18, "{}", to.bytes.len());
        assert_eq!(again(&near), Some(near));
    }

    #[test]
    fn what_is_in_two_places_stays_one() {
        let name: Arc<str> = "devices/17".into();
        let [one, two] = again(&[Arc::clone(&name), name]).expect("no part refuses");
        assert_eq!(&*one, "devices/17");
        assert!(Arc::ptr_eq(&one, &two));
    }
}
