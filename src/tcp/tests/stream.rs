//! The byte streams: order, holes, overlaps, limits.

use super::handshake::HANDSHAKE;
use super::script::Script;
use crate::net::Side::{Client, Server};
use crate::tcp::Limits;
use std::time::Duration;

fn open() -> Script {
    Script::of(HANDSHAKE)
}

#[test]
fn what_waited_for_a_hole_is_readable_with_the_segment_that_fills_it() {
    let mut script = open();
    script.run("30 < P. 1:101 ack 1\n 30.1 < P. 201:301 ack 1\n 30.2 < P. 301:401 ack 1\n 30.3 < P. 101:201 ack 1");
    assert_eq!(script.stream(Server), "1:101, 101:201, 201:301, 301:401");
    assert_eq!(script.readable_by(Server), [4, 7, 7, 7]);
    assert_eq!(script.last_event(), "7 server out_of_order 100 bytes late");
    assert_eq!(script.facts().server.hole, None);
}

#[test]
fn sequence_numbers_wrap() {
    let mut script = Script::new().isns(u32::MAX - 50, u32::MAX);
    script.run(HANDSHAKE);
    script.run("30 > P. 1:101 ack 1\n 31 > P. 201:301 ack 1\n 32 > P. 101:201 ack 1\n 50 < P. 1:51 ack 301");
    assert_eq!(script.stream(Client), "1:101, 101:201, 201:301");
    assert_eq!(script.stream(Server), "1:51");
    assert_eq!(script.facts().client.highest_acked, 301);
    assert_eq!(script.facts().client.previous_not_captured, 1);
}

#[test]
fn a_stream_may_be_longer_than_four_gibibytes() {
    let mut script = open();
    let step = 1_u64 << 29;
    for i in 0..20 {
        let (from, to) = (1 + i * step, 1 + (i + 1) * step);
        script.run(&format!("{} > . {from}:{to} ack 1 cut 1\n {} < . 1:1 ack {to}", 30 + i, 30 + i));
    }
    let client = script.facts().client;
    assert_eq!(client.highest_sent, 1 + 20 * step);
    assert_eq!(client.highest_acked, 1 + 20 * step);
    assert_eq!((client.missed_bytes, client.cut_bytes), (0, 20 * (step - 1)));
    assert_eq!(client.retransmissions.total() + client.out_of_order, 0);
}

#[test]
fn a_hole_is_a_gap_as_soon_as_the_peer_acknowledges_it() {
    let mut script = open();
    script.run("30 < P. 1:101 ack 1\n 31 < P. 201:301 ack 1");
    assert_eq!(script.stream(Server), "1:101");
    script.run("32 > . 1:1 ack 301");
    assert_eq!(script.stream(Server), "1:101, gap 100, 201:301");
    assert_eq!(script.last_event(), "6 server gap 100 bytes not captured");
    let facts = script.facts();
    assert_eq!((facts.server.missed_bytes, facts.client.acked_unseen), (100, 1));
    assert_eq!(facts.history.as_str(), "ShAdg");
}

#[test]
fn an_acknowledgment_that_is_captured_first_makes_no_gap() {
    // Two receive queues: the acknowledgment overtakes the data in the capture.
    let mut script = open();
    script.run("30 > . 1:1 ack 201\n 30.1 < P. 1:101 ack 1\n 30.2 < P. 101:201 ack 1");
    script.finish();
    assert_eq!(script.stream(Server), "1:101, 101:201");
    assert_eq!(script.facts().server.missed_bytes, 0);
}

#[test]
fn a_sender_that_goes_on_proves_the_gap_before_it() {
    let mut script = open();
    script.run("30 > . 1:1 ack 201\n 31 < . 201:201 ack 1");
    assert_eq!(script.stream(Server), "gap 200", "a bare acknowledgment from behind the hole");
    script.run("40 > . 1:1 ack 401\n 41 < P. 501:601 ack 1");
    assert_eq!(script.stream(Server), "gap 200, gap 200", "of the hole only what was acknowledged");
    script.run("42 < P. 401:501 ack 1");
    assert_eq!(script.stream(Server), "gap 200, gap 200, 401:501, 501:601");
}

#[test]
fn an_acknowledgment_of_what_cannot_be_is_ignored() {
    let mut script = open();
    script.run("30 > . 1:1 ack 1500000000\n 31 < P. 1:101 ack 1\n 32 > . 1:1 ack 101");
    script.finish();
    assert_eq!(script.stream(Server), "1:101");
    assert_eq!(script.facts().server.highest_acked, 101);
}

#[test]
fn the_end_of_the_capture_hands_on_what_waits() {
    let mut script = open();
    script.run("30 < P. 1:101 ack 1\n 31 < P. 201:301 ack 1\n 32 > . 1:1 ack 101");
    script.finish();
    assert_eq!(script.stream(Server), "1:101, gap 100, 201:301");
    assert_eq!(script.last_event(), "6 server gap 100 bytes never came, though later ones did");
    let server = script.facts().server;
    assert_eq!((server.missed_bytes, server.lost_bytes), (0, 100), "the path lost them, not the capture");
    assert_eq!(server.hole.map(|hole| (hole.start, hole.len)), Some((101, 100)), "still known when all is over");
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101\n 60 > . 101:101 ack 301");
    script.finish();
    assert_eq!(script.stream(Server), "gap 300", "acknowledged, and never seen");
}

#[test]
fn limits_give_up_the_oldest_hole_and_go_on() {
    let mut script = Script::with_limits(Limits { buffered_bytes: 250, ..Limits::default() });
    script.run(HANDSHAKE);
    script.run("30 < . 101:201 ack 1\n 31 < . 301:401 ack 1\n 32 < . 501:601 ack 1");
    assert_eq!(script.stream(Server), "gap 100, 101:201");
    assert_eq!(script.facts().server.given_up_bytes, 100);
    script.run("33 < . 201:301 ack 1\n 34 < . 401:501 ack 1");
    assert_eq!(script.stream(Server), "gap 100, 101:201, 201:301, 301:401, 401:501, 501:601");
}

#[test]
fn cut_payload_is_a_gap_but_no_loss() {
    let mut script = open();
    script.run("30 < . 1:1001 ack 1 cut 40\n 31 < . 1001:1101 ack 1");
    assert_eq!(script.stream(Server), "1:41, gap 960, 1001:1101");
    let facts = script.facts();
    assert!(facts.truncated);
    assert_eq!((facts.server.missed_bytes, facts.server.cut_bytes), (0, 960));
    assert!(!script.story().iter().any(|line| line.contains("gap")));
}

#[test]
fn the_first_copy_of_a_byte_wins() {
    let mut script = open();
    script.run("30 < . 101:201 ack 1\n 31 < . 51:151 ack 1 other\n 32 < . 1:51 ack 1");
    assert_eq!(script.stream(Server), "1:51, 51:101, 101:201");
    assert_eq!(script.facts().server.inconsistent_overlaps, 50);
}

#[test]
fn data_may_come_with_the_fin_and_not_after_it() {
    let mut script = open();
    script.run("30 > FP. 1:101 ack 1\n 50 < . 1:1 ack 102\n 60 > P. 102:202 ack 1\n 61 > P. 51:151 ack 1");
    assert_eq!(script.stream(Client), "1:101");
    assert_eq!(script.last_event(), "7 client retransmission 100 bytes again after 1.00 ms");
    let client = script.facts().client;
    assert_eq!(client.bytes_after_fin, 150);
    assert_eq!(client.fin.map(|fin| (fin.seq, fin.acked)), Some((101, true)));
    assert_eq!(client.stream_bytes(), 100);
}

#[test]
fn the_byte_of_a_keep_alive_is_no_data() {
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101\n 60000 > . 100:101 ack 1 other\n 60020 < . 1:1 ack 101");
    assert_eq!(script.stream(Client), "1:101");
    let facts = script.facts();
    assert_eq!((facts.client.keep_alives.count, facts.client.retransmissions.total()), (1, 0));
    assert_eq!(facts.server.duplicate_acks, 0, "it answers the keep-alive");
}

#[test]
fn the_byte_of_a_zero_window_probe_is_the_next_one() {
    let mut script = open();
    script.run(
        "30   > P. 1:101 ack 1
         50   < .  1:1   ack 101 win 0
         250  > .  101:102 ack 1
         270  < .  1:1   ack 101 win 0
         500  < .  1:1   ack 101 win 500
         501  > P. 101:201 ack 1",
    );
    assert_eq!(script.stream(Client), "1:101, 101:102, 102:201");
    let facts = script.facts();
    assert_eq!(facts.client.retransmissions.total(), 0);
    assert_eq!((facts.server.zero_windows.probes, facts.server.zero_windows.episodes), (1, 1));
}

#[test]
fn a_stray_segment_moves_nothing() {
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 31 > P. 2000000000:2000000100 ack 1\n 32 > P. 101:201 ack 1");
    script.finish();
    assert_eq!(script.stream(Client), "1:101, 101:201");
    assert_eq!(script.facts().client.strays, 1);
}

#[test]
fn a_very_long_loss_of_capture_ends() {
    let mut script = open();
    for i in 0..5_u64 {
        let from = 1_500_000_001 + i * 100;
        script.run(&format!("{} > P. {from}:{} ack 1", 30 + i, from + 100));
    }
    script.finish();
    assert_eq!(script.stream(Client), "gap 1500000300, 1500000301:1500000401, 1500000401:1500000501");
}

#[test]
fn a_frame_that_the_capture_holds_twice_is_one() {
    let mut script = Script::of(
        "0      > S  0:0
         0.02   > S  0:0 ttl 63
         20     < S. 0:0 ack 1
         20.02  < S. 0:0 ack 1 ttl 63
         20.1   > .  1:1 ack 1
         20.12  > .  1:1 ack 1 ttl 63
         21     > P. 1:101 ack 1
         21.01  > P. 101:201 ack 1
         21.02  > P. 1:101 ack 1 ttl 63
         21.03  > P. 101:201 ack 1 ttl 63",
    );
    let facts = script.facts();
    assert_eq!((facts.duplicate_frames, facts.client.frames, facts.client.duplicate_acks), (5, 4, 0));
    assert_eq!(facts.client.retransmissions.total(), 0);
    assert_eq!(script.stream(Client), "1:101, 101:201");
    // Sent again later, and seen twice again.
    script.run("221 > P. 1:101 ack 1\n 221.02 > P. 1:101 ack 1 ttl 63");
    let facts = script.facts();
    assert_eq!((facts.duplicate_frames, facts.client.retransmissions.data), (6, 1));
}

#[test]
fn a_burst_of_equal_acknowledgments_is_no_duplicate_frame() {
    let mut script = open();
    script.run(
        "30    < P. 1:101   ack 1
         30.1  > .  1:1     ack 101
         30.2  < P. 201:301 ack 1
         30.3  > .  1:1     ack 101
         30.31 < P. 301:401 ack 1
         30.4  > .  1:1     ack 101",
    );
    let facts = script.facts();
    assert_eq!((facts.duplicate_frames, facts.client.duplicate_acks), (0, 2));
    let hole = facts.server.hole.unwrap();
    assert_eq!((hole.start, hole.len, hole.reported, hole.since.frame.number()), (101, 100, true, 6));
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let mut script = open();
    script.run("9030 > P. 1:101 ack 1\n 5000 < . 1:1 ack 101\n 5001 > P. 101:201 ack 1\n 5100 > P. 101:201 ack 1");
    assert_eq!(script.stream(Client), "1:101, 101:201");
    assert_eq!(script.last_event(), "7 client retransmission 100 bytes again after 99 ms");
    assert_eq!(script.facts().client.round_trip.map(|trip| trip.max), Some(Duration::ZERO));
}
