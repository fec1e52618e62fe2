//! Streams that are cut, torn or hostile.

use super::{CLIENT_HELLO, Lab, SERVER_HELLO, handshake, message, record};
use crate::net::Side;
use crate::stream::Chunk;
use proptest::prelude::*;

/// A client's stream: a hello over two records, an alert, application data.
fn client_stream() -> Vec<u8> {
    let hello = super::bytes(CLIENT_HELLO);
    let (first, second) = hello.split_at(70);
    [record(22, first), record(22, second), record(21, &[1, 0]), record(23, &[0; 60]), record(23, &[])].concat()
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let stream = client_stream();
    let whole = {
        let mut lab = Lab::new();
        lab.client(&stream).finish();
        (lab.details(), lab.seen.data.clone())
    };
    assert_eq!(whole.0.len(), 4);
    for cut in 0..=stream.len() {
        let mut lab = Lab::new();
        lab.client(&stream[..cut]).client(&stream[cut..]).finish();
        assert_eq!((lab.details(), lab.seen.data.clone()), whole, "cut at {cut}");
    }
    let mut lab = Lab::new();
    for byte in &stream {
        lab.client(std::slice::from_ref(byte));
    }
    lab.finish();
    assert_eq!((lab.details(), lab.seen.data.clone()), whole);
}

#[test]
fn an_event_has_the_moments_of_its_first_and_last_byte() {
    let hello = handshake(CLIENT_HELLO);
    let mut lab = Lab::new();
    lab.client(&hello[..3]).client(&hello[3..100]).client(&hello[100..]);
    let (seen, _) = &lab.seen.events[0];
    assert_eq!((seen.began.frame.number(), seen.ended.frame.number()), (1, 3));
}

#[test]
fn an_unfinished_record_is_known() {
    let hello = handshake(CLIENT_HELLO);
    let mut lab = Lab::new();
    lab.client(&hello[..105]).close(Side::Client);
    let partial = lab.facts().partial.client.unwrap();
    assert_eq!((partial.length, partial.received), (196, 100));
    assert!(lab.told().is_empty());
}

#[test]
fn a_gap_inside_of_a_record_costs_that_record_only() {
    let hello = handshake(CLIENT_HELLO);
    let mut lab = Lab::new();
    lab.client(&hello[..96]).chunk(Side::Client, Chunk::Gap(105)).client(&record(21, &[2, 80]));
    assert_eq!(
        lab.details(),
        [
            "client client_hello client_hello, 192 bytes, the capture lacks a part of it",
            "client alert fatal internal_error (80)",
        ]
    );
    // Of encrypted records nothing is lost but the bytes that nobody reads: their lengths are known.
    let mut lab = Lab::tls13();
    let sealed = record(23, &[0; 500]);
    lab.server(&sealed[..60])
        .chunk(Side::Server, Chunk::Gap(445))
        .sealed(Side::Server, &[281, 53])
        .sealed(Side::Client, &[53]);
    assert_eq!(lab.facts().records.server.count, 4);
    assert_eq!(lab.facts().resynchronised, 0);
}

#[test]
fn after_a_gap_the_next_header_is_found() {
    let mut lab = Lab::new();
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    lab.chunk(Side::Server, Chunk::Gap(1000));
    let mut torn = vec![0x55; 300];
    torn.extend(record(21, &[2, 40]));
    lab.server(&torn);
    assert_eq!(
        &lab.details()[2..],
        ["server resynchronised readable again after 300 bytes", "server alert fatal handshake_failure (40)"]
    );
}

#[test]
fn a_capture_may_begin_in_the_middle() {
    let mut lab = Lab::new();
    lab.chunk(Side::Client, Chunk::Gap(0))
        .client(&[&[0x99; 40][..], &record(23, &[1; 30]), &record(23, &[1; 40])].concat());
    assert_eq!(
        lab.details(),
        ["client resynchronised readable again after 40 bytes", "client application_data 30 bytes"]
    );
}

#[test]
fn an_endless_message_is_passed_over() {
    let mut lab = Lab::new();
    lab.client(&record(22, &[1, 0xff, 0xff, 0xff]));
    let full = record(22, &[0; 16_384]);
    for _ in 0..1023 {
        lab.client(&full);
    }
    let last = [&[0; 16_383][..], &message(14, &[])].concat();
    lab.client(&record(22, &last));
    assert_eq!(
        lab.details(),
        ["client client_hello client_hello, 16,777,215 bytes, too long to keep", "client server_hello_done"]
    );
}

/// One record, whose body may be anything.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (20u8..=24, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(kind, body)| record(kind, &body)),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..90))
            .prop_map(|(kind, body)| record(22, &message(kind % 26, &body))),
        Just(handshake(CLIENT_HELLO)),
        Just(handshake(SERVER_HELLO)),
        Just(record(20, &[1])),
        (0usize..196, any::<u8>()).prop_map(|(at, bits)| {
            let mut hello = super::bytes(CLIENT_HELLO);
            hello[at] ^= bits;
            record(22, &hello)
        }),
        prop::sample::select(vec![19u16, 21, 25, 53, 69, 281, 846])
            .prop_map(|length| record(23, &vec![0; usize::from(length)])),
    ]
}

/// Bytes that look like TLS often enough to reach all corners.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..40), 7 => any_record()];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_order_are_survived(
        chunks in prop::collection::vec((any::<bool>(), hostile(), prop::option::weighted(0.2, 0u64..3000)), 0..10)
    ) {
        let mut lab = Lab::new();
        for (is_client, bytes, gap) in &chunks {
            let side = if *is_client { Side::Client } else { Side::Server };
            if let Some(missing) = gap {
                lab.chunk(side, Chunk::Gap(*missing));
            }
            lab.chunk(side, Chunk::Data(bytes));
        }
        lab.close(Side::Client).close(Side::Server).finish();
        prop_assert!(lab.facts().history.as_str().len() <= 100);
        prop_assert!(lab.facts().alerts.len() <= 16);
    }

    #[test]
    fn the_cut_of_a_stream_changes_nothing(
        records in prop::collection::vec(any_record(), 0..12),
        cuts in prop::collection::vec(0usize..2000, 0..8),
    ) {
        // Records only: while it searches, the reader looks ahead in its chunk.
        let stream = records.concat();
        let mut whole = Lab::new();
        whole.client(&stream).finish();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut torn = Lab::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([stream.len()]) {
            torn.client(&stream[from..cut]);
            from = cut;
        }
        torn.finish();
        prop_assert_eq!(torn.details(), whole.details());
        prop_assert_eq!(&torn.seen.data, &whole.seen.data);
    }
}
