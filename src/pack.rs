//! Values as few bytes, and back: what a connection that sleeps is kept as.
//!
//! A value goes in by [`Packing::pack`], and exactly the same comes out of [`Packing::unpack`]. Numbers take as many bytes as they need,
//! a time that was told before is told by its place among all times, and what is left is deflated. What many connections share
//! stays shared: it is kept beside the bytes. The bytes never leave the process, so that they have no version.

use std::any::Any;
use std::sync::Arc;

mod deflated;
mod times;
mod values;

use deflated::Deflated;
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
    deflated: Deflated,
    room: Vec<u8>,
}

impl Packing {
    /// Packs a value; none where a part of it refuses.
    pub(crate) fn pack(&mut self, value: &impl Pack) -> Option<Packed> {
        self.room.clear();
        let mut to = Packer { bytes: std::mem::take(&mut self.room), ..Packer::default() };
        value.pack(&mut to);
        let Packer { bytes, handles, refused, .. } = to;
        let packed = if refused { None } else { self.deflated.deflate(&bytes) };
        self.room = bytes;
        packed.map(|bytes| Packed { bytes, handles: handles.into() })
    }

    /// The value again.
    pub(crate) fn unpack<T: Pack>(&mut self, packed: &Packed) -> Option<T> {
        self.room.clear();
        self.deflated.inflate(&packed.bytes, &mut self.room)?;
        let Packed { handles, .. } = packed;
        T::unpack(&mut Unpacker { bytes: &self.room, handles, made: Vec::new(), times: Times::default() })
    }
}

/// Takes the parts of a value.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
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

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
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

    /// A variant's place in its list.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.byte(tag);
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
    handles: &'a [Handle],
    /// What is referred to again.
    made: Vec<Box<dyn Any>>,
    times: Times,
}

impl Unpacker<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
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

    /// A variant's place in its list.
    pub(crate) fn tag(&mut self) -> Option<u8> {
        self.byte()
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

            impl $crate::pack::Pack for $name {
                fn pack(&self, to: &mut $crate::pack::Packer) {
                    match self {
                        $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                            to.tag(Tag::$variant as u8);
                            $($($crate::pack::Pack::pack($item, to);)*)?
                            $($($crate::pack::Pack::pack($field, to);)*)?
                        })*
                    }
                }

                fn unpack(from: &mut $crate::pack::Unpacker<'_>) -> Option<Self> {
                    match from.tag()? {
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
        let mut packing = Packing::default();
        packing.pack(value).and_then(|packed| packing.unpack(&packed))
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
            let mut from = Unpacker { bytes: &bytes, handles: &[], made: Vec::new(), times: Times::default() };
            let _ = Vec::<String>::unpack(&mut from);
            let _ = Vec::<Option<Arc<str>>>::unpack(&mut from);
            let _ = Moment::unpack(&mut from);
            let packed = Packed { bytes: bytes.into(), handles: Box::default() };
            let _: Option<Vec<Moment>> = Packing::default().unpack(&packed);
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
