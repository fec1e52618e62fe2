//! [`Pack`] for the values of the standard library, and for containers.

use super::{Pack, Packer, Unpacker};
use hashbrown::HashMap;
use smallvec::{Array, SmallVec};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Nothing is reserved beyond this for a count that was read: the items themselves make room then.
const RESERVED: usize = 256;

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Pack for $number {
            fn pack(&self, to: &mut Packer) {
                to.number(u64::from(*self));
            }

            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                from.number()?.try_into().ok()
            }
        })*
    };
}

numbers!(u16, u32, u64);

impl Pack for u8 {
    fn pack(&self, to: &mut Packer) {
        to.byte(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.byte()
    }
}

impl Pack for usize {
    fn pack(&self, to: &mut Packer) {
        to.number(*self as u64);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.count()
    }
}

impl Pack for i64 {
    fn pack(&self, to: &mut Packer) {
        to.signed(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.signed()
    }
}

/// The low bits of a mantissa are mostly zero: they go first.
impl Pack for f64 {
    fn pack(&self, to: &mut Packer) {
        to.number(self.to_bits().swap_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.number().map(|bits| Self::from_bits(bits.swap_bytes()))
    }
}

impl Pack for bool {
    fn pack(&self, to: &mut Packer) {
        to.bit(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.bit()
    }
}

impl Pack for Duration {
    fn pack(&self, to: &mut Packer) {
        match u64::try_from(self.as_nanos()) {
            Ok(nanos) if nanos < u64::MAX => to.number(nanos),
            _ => {
                to.number(u64::MAX);
                to.number(self.as_secs());
                to.number(self.subsec_nanos().into());
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.number()? {
            u64::MAX => {
                let (seconds, nanos) = (from.number()?, u32::unpack(from)?);
                (nanos < 1_000_000_000).then(|| Self::new(seconds, nanos))
            }
            nanos => Some(Self::from_nanos(nanos)),
        }
    }
}

impl Pack for IpAddr {
    fn pack(&self, to: &mut Packer) {
        match self {
            Self::V4(address) => {
                to.tag(0, 2);
                address.octets().pack(to);
            }
            Self::V6(address) => {
                to.tag(1, 2);
                address.octets().pack(to);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.tag(2)? {
            0 => <[u8; 4]>::unpack(from).map(Self::from),
            1 => <[u8; 16]>::unpack(from).map(Self::from),
            _ => None,
        }
    }
}

impl Pack for String {
    fn pack(&self, to: &mut Packer) {
        pack_text(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Self::from_utf8(Vec::unpack(from)?).ok()
    }
}

impl Pack for Box<str> {
    fn pack(&self, to: &mut Packer) {
        pack_text(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        String::unpack(from).map(Into::into)
    }
}

impl Pack for Arc<str> {
    fn pack(&self, to: &mut Packer) {
        to.once(self, pack_text);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.once(|from| String::unpack(from).map(Into::into))
    }
}

fn pack_text(text: &str, to: &mut Packer) {
    pack_all(text.as_bytes(), to);
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, to: &mut Packer) {
        self.is_some().pack(to);
        if let Some(value) = self {
            value.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Some(None) }
    }
}

impl<T: Pack> Pack for Box<T> {
    fn pack(&self, to: &mut Packer) {
        T::pack(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        T::unpack(from).map(Self::new)
    }
}

impl<T: Pack> Pack for crate::net::PerSide<T> {
    fn pack(&self, to: &mut Packer) {
        self.client.pack(to);
        self.server.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { client: T::unpack(from)?, server: T::unpack(from)? })
    }
}

impl<T: Pack, const N: usize> Pack for [T; N] {
    fn pack(&self, to: &mut Packer) {
        for item in self {
            item.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let mut items = SmallVec::<[T; 8]>::new();
        for _ in 0..N {
            items.push(T::unpack(from)?);
        }
        items.into_vec().try_into().ok()
    }
}

macro_rules! tuples {
    ($($($part:ident)*;)*) => {
        $(impl<$($part: Pack),*> Pack for ($($part),*) {
            fn pack(&self, to: &mut Packer) {
                #[expect(non_snake_case, reason = "each part is named by its type")]
                let ($($part),*) = self;
                $($part.pack(to);)*
            }

            fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
                Some(($($part::unpack(from)?),*))
            }
        })*
    };
}

tuples! { A B; A B C; A B C D; }

impl<T: Pack> Pack for Box<[T]> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Vec::unpack(from).map(Vec::into_boxed_slice)
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let count = from.count()?;
        let mut items = Self::with_capacity(count.min(RESERVED));
        for _ in 0..count {
            items.push(T::unpack(from)?);
        }
        Some(items)
    }
}

impl<T: Pack> Pack for VecDeque<T> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Vec::unpack(from).map(Into::into)
    }
}

impl<A: Array<Item: Pack>> Pack for SmallVec<A> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        (0..from.count()?).map(|_| A::Item::unpack(from)).collect()
    }
}

impl<K: Pack + Ord, V: Pack> Pack for BTreeMap<K, V> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        (0..from.count()?).map(|_| <(K, V)>::unpack(from)).collect()
    }
}

impl<K: Pack + Eq + Hash, V: Pack, S: BuildHasher + Default> Pack for HashMap<K, V, S> {
    fn pack(&self, to: &mut Packer) {
        pack_all(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        (0..from.count()?).map(|_| <(K, V)>::unpack(from)).collect()
    }
}

/// What an iterator over a container gives.
trait PackItem {
    fn pack_item(&self, to: &mut Packer);
}

impl<T: Pack> PackItem for &T {
    fn pack_item(&self, to: &mut Packer) {
        T::pack(self, to);
    }
}

impl<K: Pack, V: Pack> PackItem for (&K, &V) {
    fn pack_item(&self, to: &mut Packer) {
        self.0.pack(to);
        self.1.pack(to);
    }
}

/// How many, then each.
fn pack_all(items: impl IntoIterator<IntoIter: ExactSizeIterator<Item: PackItem>>, to: &mut Packer) {
    let items = items.into_iter();
    to.number(items.len() as u64);
    items.for_each(|item| item.pack_item(to));
}
