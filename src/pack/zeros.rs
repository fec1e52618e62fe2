//! Bytes without their zeros: eight at a time, of which a mask tells which are not zero (the packing of Cap'n Proto). Behind a
//! mask of none stands how many further eights are zero, behind a mask of all how many further ones follow as they are.

const GROUP: usize = 8;
const NONE: u8 = 0;
const ALL: u8 = 0xff;

/// Takes the zeros out.
pub(super) fn squeeze(bytes: &[u8]) -> Box<[u8]> {
    let mut squeezed = Vec::with_capacity(bytes.len());
    let (groups, rest) = bytes.as_chunks::<GROUP>();
    let mut last = [0; GROUP];
    let padded = (!rest.is_empty()).then(|| {
        last.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
        &last
    });
    let mut groups = groups.iter().chain(padded).peekable();
    while let Some(group) = groups.next() {
        let mask = mask(group);
        squeezed.push(mask);
        squeezed.extend(group.iter().filter(|byte| **byte != 0));
        if mask == NONE || mask == ALL {
            let place = squeezed.len();
            let mut count = 0;
            squeezed.push(count);
            while count < u8::MAX
                && let Some(group) = groups.next_if(|group| belongs(mask, group))
            {
                count += 1;
                if mask == ALL {
                    squeezed.extend(group);
                }
            }
            if let Some(counted) = squeezed.get_mut(place) {
                *counted = count;
            }
        }
    }
    squeezed.into()
}

/// Puts the zeros in again, and up to seven behind the last byte; none where these bytes were not squeezed.
pub(super) fn swell(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut swollen = Vec::with_capacity(bytes.len() * 2);
    while let Some((&mask, rest)) = bytes.split_first() {
        bytes = rest;
        for bit in 0..GROUP {
            let byte = if mask & 1 << bit == 0 { 0 } else { *bytes.split_off_first()? };
            swollen.push(byte);
        }
        if mask == NONE || mask == ALL {
            let further = usize::from(*bytes.split_off_first()?) * GROUP;
            if mask == NONE {
                swollen.resize(swollen.len() + further, 0);
            } else {
                swollen.extend(bytes.split_off(..further)?);
            }
        }
    }
    Some(swollen)
}

fn mask(group: &[u8; GROUP]) -> u8 {
    group.iter().rev().fold(0, |mask, byte| mask << 1 | u8::from(*byte != 0))
}

/// Whether a group goes with those before it: with zeros only zeros, with others one that would save nothing.
fn belongs(mask: u8, group: &[u8; GROUP]) -> bool {
    let zeros = group.iter().filter(|byte| **byte == 0).count();
    if mask == NONE { zeros == GROUP } else { zeros <= 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..5000)) {
            let mut swollen = swell(&squeeze(&bytes)).expect("squeezed bytes");
            prop_assert!(swollen.len() < bytes.len() + GROUP);
            swollen.truncate(bytes.len());
            prop_assert_eq!(swollen, bytes);
        }

        #[test]
        fn bytes_without_zeros_come_back(bytes in prop::collection::vec(1_u8.., 0..5000)) {
            let mut swollen = swell(&squeeze(&bytes)).expect("squeezed bytes");
            swollen.truncate(bytes.len());
            prop_assert_eq!(swollen, bytes);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            swell(&bytes);
        }
    }

    #[test]
    fn zeros_take_next_to_nothing() {
        assert_eq!(*squeeze(&[0; 80]), [0, 9]);
        assert_eq!(*squeeze(&[0, 0, 7]), [0b100, 7]);
    }
}
