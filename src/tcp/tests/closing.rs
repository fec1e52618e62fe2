//! Closing: RFC 9293, 3.6 and 3.10.7, RFC 5961.

use super::handshake::HANDSHAKE;
use super::script::Script;
use crate::net::Side::{Client, Server};
use crate::tcp::ResetFit;
use std::time::Duration;

fn open() -> Script {
    Script::of(HANDSHAKE)
}

#[test]
fn an_ordinary_close() {
    // RFC 9293, figure 12.
    let mut script = open();
    let mut states = Vec::new();
    for line in ["30 > F. 1:1 ack 1", "50 < . 1:1 ack 2", "60 < F. 1:1 ack 2", "61 > . 2:2 ack 2"] {
        states.push(script.run(line).states());
    }
    let expected = ["FIN-WAIT-1 CLOSE-WAIT", "FIN-WAIT-2 CLOSE-WAIT", "TIME-WAIT LAST-ACK", "TIME-WAIT CLOSED"];
    assert_eq!(states, expected);
    assert!(script.tracker.is_closed());
    assert_eq!(script.story()[3..], ["4 client fin", "6 server fin"]);
    let facts = script.facts();
    assert!(facts.server.fin.is_some_and(|fin| fin.answers && fin.acked));
    assert!(facts.client.fin.is_some_and(|fin| !fin.answers && fin.acked));
    assert_eq!((facts.history.as_str(), facts.completeness.0), ("ShAFaf", 23));
}

#[test]
fn both_may_close_at_once() {
    // RFC 9293, figure 13.
    let mut script = open();
    assert_eq!(script.run("30 > F. 1:1 ack 1\n 31 < F. 1:1 ack 1").states(), "CLOSING CLOSING");
    assert_eq!(script.run("50 > . 2:2 ack 2\n 51 < . 2:2 ack 2").states(), "TIME-WAIT TIME-WAIT");
    assert!(script.tracker.is_closed());
}

#[test]
fn a_half_closed_connection_goes_on() {
    let mut script = open();
    script.run("30 < F. 1:1 ack 1\n 31 > . 1:1 ack 2\n 40 > P. 1:101 ack 2\n 60 < . 2:2 ack 101");
    assert!(!script.tracker.is_closed());
    assert_eq!(script.states(), "CLOSE-WAIT FIN-WAIT-2");
    assert_eq!(script.stream(Client), "1:101");
}

#[test]
fn a_fin_that_is_sent_again_is_a_retransmission() {
    let mut script = open();
    script.run("30 > F. 1:1 ack 1\n 430 > F. 1:1 ack 1");
    assert_eq!(script.last_event(), "5 client retransmission FIN again after 400 ms");
    assert_eq!(script.facts().client.retransmissions.fin, 1);
    script.run("450 < . 1:1 ack 2\n 460 > F. 1:1 ack 1");
    assert_eq!(script.last_event(), "7 client retransmission FIN again after 430 ms", "though it was acknowledged");
}

#[test]
fn a_refusal_is_a_reset_that_acknowledges_the_syn() {
    let script = Script::of("0 > S 0:0\n 20 < R. 0:0 ack 1 win 0 ttl 57");
    assert!(script.tracker.is_closed());
    assert_eq!(script.last_event(), "2 server rst TTL 57, 20 ms after the other side's last segment");
    let facts = script.facts();
    let reset = facts.server.reset.unwrap();
    assert_eq!((reset.fit, reset.ttl, reset.since_peer), (ResetFit::Exact, 57, Some(Duration::from_millis(20))));
    assert_eq!(facts.server.ttl, None, "a reset may be forged: its TTL says nothing of the server");
    assert_eq!(facts.history.as_str(), "Sr");

    // RFC 9293, 3.10.7.3: without a right acknowledgment it is dropped.
    assert!(!Script::of("0 > S 0:0\n 20 < R 0:0").tracker.is_closed());
    assert!(!Script::of("0 > S 0:0\n 20 < R. 0:0 ack 5").tracker.is_closed());
}

#[test]
fn a_reset_is_held_against_the_window() {
    let fit = |line: &str| {
        let mut script = open();
        script.run("30 > P. 1:101 ack 1\n 50 < . 1:1 ack 101 win 100\n 51 > P. 101:201 ack 1");
        script.run(line);
        (script.facts().client.reset.unwrap().fit, script.tracker.is_closed())
    };
    assert_eq!(fit("60 > R 201:201"), (ResetFit::Exact, true), "after the last byte sent");
    assert_eq!(fit("60 > R 101:101"), (ResetFit::Exact, true), "what the server expects");
    // The window is 100 << 5.
    assert_eq!(fit("60 > R 3000:3000"), (ResetFit::InWindow, true));
    assert_eq!(fit("60 > R 9000:9000"), (ResetFit::OutOfWindow, false));
    assert_eq!(fit("60 > R 50:50"), (ResetFit::OutOfWindow, false));
}

#[test]
fn the_first_reset_that_counts_is_the_one() {
    let mut script = open();
    script.run("30 < R 900000:900000 ttl 200\n 31 < R 1:1 ttl 60\n 32 < R 1:1 ttl 61");
    let server = script.facts().server;
    assert_eq!((server.resets, server.reset.map(|reset| reset.ttl)), (3, Some(60)));
    assert_eq!(script.states(), "CLOSED CLOSED");
    script.run("33 > R 1:1");
    assert_eq!(script.facts().reset_by, Some(Server));
}

#[test]
fn data_after_a_forged_reset_is_still_read() {
    let mut script = open();
    script.run("30 > P. 1:101 ack 1\n 31 < R. 1:1 ack 101 ttl 90\n 50 > P. 101:201 ack 1");
    assert!(script.tracker.is_closed());
    assert_eq!(script.stream(Client), "1:101, 101:201");
}
