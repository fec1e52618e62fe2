//! Each of the definitions in Wireshark's User's Guide, 7.5 "TCP Analysis", and what the facts make of them.

use super::handshake::HANDSHAKE;
use super::script::Script;
use crate::net::Side::{Client, Server};
use crate::tcp::{Event, Resend, SideFacts};
use std::time::Duration;

fn open() -> Script {
    Script::of(HANDSHAKE)
}

fn after(text: &str) -> (SideFacts, SideFacts) {
    let mut script = open();
    let facts = script.run(text).facts();
    (facts.client, facts.server)
}

#[test]
fn a_retransmission_is_told_with_the_time_since_the_first_sending() {
    let mut script = open();
    script.run("30 > P. 1:1449 ack 1\n 234 > P. 1:1449 ack 1\n 642 > P. 1:1449 ack 1");
    let resent = Event::Retransmission { kind: Resend::Data, len: 1448, after: Some(Duration::from_millis(612)) };
    assert_eq!(script.out.events.last(), Some(&(6, Client, resent)));
    assert_eq!(script.stream(Client), "1:1449");
    let client = script.facts().client;
    assert_eq!(client.retransmissions.data, 2);
    let in_flight = client.in_flight.unwrap();
    assert_eq!((in_flight.bytes, in_flight.resent), (1448, 2));
    assert_eq!(in_flight.last_sent.at.since(in_flight.first_sent.at), Duration::from_millis(612));
}

#[test]
fn a_fast_retransmission_follows_duplicate_acks() {
    let (client, server) = after(
        "30   > . 1:101   ack 1
         31   > . 101:201 ack 1
         32   > . 201:301 ack 1
         33   > . 301:401 ack 1
         51   < . 1:1     ack 101
         52   < . 1:1     ack 101
         53   < . 1:1     ack 101
         54   > . 101:201 ack 1",
    );
    assert_eq!((client.retransmissions.fast, client.retransmissions.data), (1, 0));
    assert_eq!(server.duplicate_acks, 2);
}

#[test]
fn a_retransmission_more_than_20_ms_after_the_duplicate_acks_is_no_fast_one() {
    let (client, _) = after(
        "30 > . 1:101 ack 1\n 31 > . 101:201 ack 1\n 32 > . 201:301 ack 1\n 33 > . 301:401 ack 1
         51 < . 1:1 ack 101\n 52 < . 1:1 ack 101\n 53 < . 1:1 ack 101
         74 > . 101:201 ack 1",
    );
    assert_eq!((client.retransmissions.fast, client.retransmissions.data), (0, 1));
}

#[test]
fn a_spurious_retransmission_was_acknowledged_before() {
    let (client, _) = after("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101\n 51 > P. 1:101 ack 1");
    assert_eq!((client.retransmissions.spurious, client.retransmissions.total()), (1, 1));
    assert_eq!(client.in_flight, None);
}

#[test]
fn late_segments_are_out_of_order_within_the_first_round_trip() {
    // The first round trip is 20.1 ms.
    let (_, server) = after("30 < . 1:101 ack 1\n 31 < . 201:301 ack 1\n 51 < . 101:201 ack 1");
    assert_eq!((server.out_of_order, server.retransmissions.total(), server.previous_not_captured), (1, 0, 1));
    let (_, server) = after("30 < . 1:101 ack 1\n 31 < . 201:301 ack 1\n 52 < . 101:201 ack 1");
    assert_eq!((server.out_of_order, server.retransmissions.data), (0, 1));
}

#[test]
fn late_segments_are_out_of_order_within_3_ms_where_the_round_trip_is_unknown() {
    let facts = |millis: u32| {
        let mut script = Script::of("0 < . 101:201 ack 1\n 1 < . 301:401 ack 1");
        script.run(&format!("{millis} < . 201:301 ack 1")).facts().server
    };
    assert_eq!((facts(3).out_of_order, facts(3).retransmissions.total()), (1, 0));
    assert_eq!((facts(4).out_of_order, facts(4).retransmissions.total()), (0, 1));
}

#[test]
fn what_was_seen_is_never_out_of_order() {
    let mut script = open();
    script.run("30 > . 1:101 ack 1\n 31 > . 101:201 ack 1\n 33 > . 51:151 ack 1");
    assert_eq!(script.last_event(), "6 client retransmission 100 bytes again after 3.00 ms");
}

#[test]
fn a_retransmission_of_what_was_lost_before_the_capture_is_told_as_such() {
    let mut script = open();
    script.run("30 < . 1:101 ack 1\n 31 < . 201:301 ack 1\n 331 < . 101:201 ack 1");
    assert_eq!(script.last_event(), "6 server retransmission 100 bytes again, first copy not captured");
}

#[test]
fn duplicate_acks_have_the_same_window_and_no_data() {
    let (client, _) =
        after("30 < . 1:101 ack 1\n 31 > . 1:1 ack 101\n 32 > . 1:1 ack 101 win 900\n 33 > . 1:1 ack 101 win 900");
    assert_eq!((client.duplicate_acks, client.window_updates), (1, 1));
    let (client, _) = after("30 < . 1:101 ack 1\n 31 > . 1:1 ack 101\n 32 > P. 1:11 ack 101\n 33 > . 11:11 ack 101");
    assert_eq!(client.duplicate_acks, 1, "Wireshark counts the one behind the data as well");
}

#[test]
fn keep_alives_repeat_the_last_sequence_number() {
    let mut script = open();
    script.run("60000 > . 0:0 ack 1\n 60020 < . 1:1 ack 1\n 120000 > . 0:0 ack 1");
    assert_eq!(script.story().len(), 3, "answered ones are no event");
    script.run("121000 > . 0:0 ack 1\n 122000 > . 0:0 ack 1");
    assert_eq!(script.last_event(), "8 client keep_alive 2 before it unanswered");
    let facts = script.facts();
    assert_eq!((facts.client.keep_alives.count, facts.client.keep_alives.unanswered), (4, 3));
    assert_eq!(facts.server.duplicate_acks, 0);
}

#[test]
fn a_zero_window_lasts_until_the_window_opens() {
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101 win 0\n 250 > . 100:100 ack 1\n 251 < . 1:1 ack 101 win 0");
    assert_eq!(script.last_event(), "5 server zero_window can take no more data");
    let windows = script.facts().server.zero_windows;
    assert_eq!((windows.episodes, windows.segments, windows.probes), (1, 2, 1));
    assert_eq!(windows.since.map(|since| since.frame.number()), Some(5));
    script.run("1250 < . 1:1 ack 101 win 800");
    assert_eq!(script.last_event(), "8 server window_update takes data again after 1.2 s");
    let windows = script.facts().server.zero_windows;
    assert_eq!((windows.longest, windows.since), (Duration::from_millis(1200), None));
    assert_eq!(script.facts().history.as_str(), "ShADaw");
}

#[test]
fn a_window_is_full_when_its_last_byte_is_sent() {
    // 10 << 5 bytes from 101 on.
    let (client, _) =
        after("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101 win 10\n 51 > . 101:301 ack 1\n 52 > . 301:421 ack 1");
    assert_eq!(client.window_full, 1);
}

#[test]
fn windows_are_not_scaled_unless_both_sides_offer_it() {
    let mut script = Script::of("0 > S 0:0 wscale 7\n 20 < S. 0:0 ack 1\n 21 > . 1:1 ack 1");
    script.run("50 < . 1:1 ack 1 win 320\n 51 > . 1:321 ack 1");
    assert_eq!(script.facts().client.window_full, 1);
}

#[test]
fn a_path_that_swallows_large_segments_is_visible() {
    let mut script = open();
    script.run(
        "30   > P. 1:518     ack 1
         50   < .  1:1       ack 518
         60   > .  518:1966  ack 1
         61   > P. 1966:2066 ack 1
         81   < .  1:1       ack 518 sack 1966:2066
         300  > .  518:1966  ack 1
         800  > .  518:1966  ack 1",
    );
    let client = script.facts().client;
    assert_eq!((client.largest_acked, client.largest_unacked_resent), (517, 1448));
    assert_eq!(client.in_flight.map(|in_flight| (in_flight.resent, in_flight.bytes)), Some((2, 1548)));
    assert_eq!(client.hole, None, "the bytes were seen here");
}

#[test]
fn a_hole_that_the_receiver_reports_is_visible() {
    let mut script = open();
    script.run("30 < P. 1449:1549 ack 1\n 30.1 > . 1:1 ack 1 sack 1449:1549\n 900 > . 1:1 ack 1 sack 1449:1549");
    let hole = script.facts().server.hole.unwrap();
    assert_eq!((hole.start, hole.len, hole.reported), (1, 1448, true));
    // Seen from the receiver's side only.
    let mut script = Script::of("0 > S 0:0\n 20 > . 1:1 ack 1\n 50 > . 1:1 ack 1 sack 1449:1549");
    assert_eq!(script.facts().server.hole.map(|hole| (hole.start, hole.len)), Some((1, 1448)));
    script.run("60 > . 1:1 ack 1549");
    assert_eq!(script.facts().server.hole, None);
}

#[test]
fn round_trips_are_those_of_segments_that_were_sent_once() {
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 52 < . 1:1 ack 101\n 60 > P. 101:201 ack 1\n 260 > P. 101:201 ack 1\n 261 < . 1:1 ack 201");
    script.run("300 < P. 1:101 ack 201\n 300.1 > . 201:201 ack 101");
    let facts = script.facts();
    let trip = facts.client.round_trip.unwrap();
    assert_eq!((trip.samples, trip.min, trip.max), (1, Duration::from_millis(22), Duration::from_millis(22)));
    assert_eq!(facts.server.round_trip.map(|trip| trip.median), Some(Duration::from_micros(100)));
}

#[test]
fn what_was_last_seen_is_known_for_each_side() {
    let (client, server) = after("30 > P. 1:101 ack 1 ttl 63\n 50 < . 1:1 ack 101\n 90 > . 101:101 ack 1");
    let frames = |facts: &SideFacts| {
        [facts.first_frame, facts.last_frame, facts.last_data, facts.last_ack].map(|at| at.map(|at| at.frame.number()))
    };
    assert_eq!(frames(&client), [Some(1), Some(6), Some(4), Some(6)]);
    assert_eq!(frames(&server), [Some(2), Some(5), None, Some(5)]);
    assert_eq!(client.ttl.map(|ttl| (ttl.first, ttl.last, ttl.min)), Some((64, 64, 63)));
    assert_eq!((client.frames, client.payload_bytes, client.stream_bytes()), (4, 100, 100));
    let mut script = Script::new();
    assert!(script.finish().story().is_empty() && script.stream(Server).is_empty());
}
