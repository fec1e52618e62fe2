//! Opening: RFC 9293, 3.5 and 3.6.1.

use super::script::Script;
use crate::net::Side;
use crate::tcp::Vantage;
use std::time::Duration;

pub(super) const HANDSHAKE: &str = "
    0    > S  0:0 mss 1460 wscale 7 sackok
    20   < S. 0:0 ack 1 mss 1400 wscale 5 sackok
    20.1 > .  1:1 ack 1
";

#[test]
fn three_segments_open_a_connection() {
    let mut script = Script::of("0 > S 0:0 mss 1460 wscale 7 sackok");
    assert_eq!(script.states(), "SYN-SENT LISTEN");
    assert_eq!(script.last_event(), "1 client syn seq 0, MSS 1460, window scale 7, SACK permitted");
    script.run("20 < S. 0:0 ack 1 mss 1400");
    assert_eq!(script.states(), "ESTABLISHED SYN-RECEIVED");
    assert_eq!(script.last_event(), "2 server syn_ack seq 0, MSS 1400");
    script.run("20.1 > . 1:1 ack 1");
    assert_eq!(script.states(), "ESTABLISHED ESTABLISHED");
    assert_eq!(script.story(), ["1 client syn", "2 server syn_ack", "3 client established"]);

    let facts = script.facts();
    assert_eq!(facts.handshake.to_server, Some(Duration::from_millis(20)));
    assert_eq!(facts.handshake.to_client, Some(Duration::from_micros(100)));
    assert_eq!(facts.vantage, Vantage::Client);
    assert_eq!((facts.history.as_str(), facts.completeness.0), ("ShA", 7));
    assert!(!facts.midstream && facts.one_sided.is_none());
    assert!(facts.client.syn_acked && facts.server.syn_acked);
}

#[test]
fn a_syn_that_nobody_answers_is_counted() {
    let script = Script::of("0 > S 0:0\n 1000 > S 0:0\n 3000 > S 0:0");
    let client = script.facts().client;
    assert_eq!(client.syns.count, 3);
    let (first, last) = (client.syns.first.unwrap(), client.syns.last.unwrap());
    assert_eq!(last.at.since(first.at), Duration::from_secs(3));
    assert_eq!((client.retransmissions.syn, client.retransmissions.total()), (2, 2));
    assert_eq!(script.last_event(), "3 client retransmission SYN again after 3.0 s");
    assert_eq!(script.states(), "SYN-SENT LISTEN");
    assert!(!client.syn_acked);
}

#[test]
fn a_syn_ack_that_does_not_arrive_is_sent_again() {
    let script = Script::of("0 > S 0:0\n 0.1 < S. 0:0 ack 1\n 1000 > S 0:0\n 1000.1 < S. 0:0 ack 1");
    let [.., third, fourth] = script.out.events.as_slice() else { panic!("four events") };
    assert_eq!(
        (third.2.to_string(), fourth.2.to_string()),
        ("SYN again after 1.0 s".into(), "SYN again after 1.0 s".into())
    );
    assert_eq!(script.states(), "ESTABLISHED SYN-RECEIVED");
    assert!(script.facts().client.syn_acked && !script.facts().server.syn_acked);
}

#[test]
fn a_half_of_the_handshake_with_a_resent_segment_is_unknown() {
    let facts = Script::of("0 > S 0:0\n 1000 > S 0:0\n 1020 < S. 0:0 ack 1\n 1021 > . 1:1 ack 1").facts();
    assert_eq!(facts.handshake.to_server, None);
    assert_eq!(facts.handshake.to_client, Some(Duration::from_millis(1)));
    assert_eq!(facts.vantage, Vantage::Unknown);
}

#[test]
fn both_sides_may_open_at_once() {
    // RFC 9293, figure 7.
    let mut script = Script::of("0 > S 0:0\n 5 < S 0:0");
    assert_eq!(script.states(), "SYN-RECEIVED SYN-RECEIVED");
    script.run("20 > S. 0:0 ack 1\n 25 < S. 0:0 ack 1");
    assert_eq!(script.states(), "ESTABLISHED ESTABLISHED");
    assert_eq!(script.story().last().map(String::as_str), Some("4 server established"));
    script.run("30 > P. 1:11 ack 1");
    assert_eq!(script.stream(Side::Client), "1:11");
}

#[test]
fn a_syn_may_carry_data() {
    // RFC 7413: the server acknowledges it with the SYN.
    let script = Script::of("0 > S 0:100\n 20 < S. 0:0 ack 101\n 21 > P. 101:151 ack 1");
    assert_eq!(script.stream(Side::Client), "1:101, 101:151");
    assert_eq!(script.facts().client.highest_acked, 101);
    assert!(script.facts().established.is_some());
}

#[test]
fn an_uncaptured_syn_ack_is_known_by_its_acknowledgment() {
    let mut script = Script::of("0 > S 0:0\n 20 > . 1:1 ack 1\n 40 < P. 101:201 ack 1\n 41 > . 1:1 ack 201");
    assert_eq!(script.story(), ["1 client syn", "2 client established", "4 server gap"]);
    assert_eq!(script.stream(Side::Server), "gap 100, 101:201");
    assert_eq!(script.facts().server.missed_bytes, 100);
    assert_eq!(script.facts().server.isn, None);
    script.finish();
    assert_eq!(script.stream(Side::Server), "gap 100, 101:201");
}

#[test]
fn a_connection_that_began_before_the_capture_is_picked_up() {
    let mut script = Script::of(
        "0 > P. 5000:5100 ack 9000
         5 < .  9500:9600 ack 5100
         6 > .  5100:5100 ack 9600
         7 < .  9600:9700 ack 5100",
    );
    script.finish();
    let facts = script.facts();
    assert!(facts.midstream && facts.established.is_none() && facts.one_sided.is_none());
    assert_eq!((facts.client.missed_bytes, facts.server.missed_bytes), (0, 0));
    assert_eq!(facts.client.acked_unseen, 0, "what was in flight when the capture began is no loss");
    assert_eq!(script.states(), "ESTABLISHED ESTABLISHED");
    assert_eq!((facts.history.as_str(), facts.completeness.0), ("DdA", 12));
}

#[test]
fn one_side_alone_is_told() {
    let client = Script::of("0 > S 0:0\n 20 > . 1:1 ack 1\n 21 > P. 1:101 ack 1\n 60 > . 101:101 ack 501").facts();
    assert_eq!(client.one_sided, Some(Side::Client));
    let server = Script::of("0 < S. 0:0 ack 1\n 40 < . 1:1 ack 518\n 41 < P. 1:101 ack 518").facts();
    assert_eq!(server.one_sided, Some(Side::Server));
    assert!(server.established.is_some());
    let unanswered = Script::of("0 > S 0:0\n 1000 > S 0:0").facts();
    assert_eq!(unanswered.one_sided, None, "nothing says that there is another side");
    let dead = Script::of("0 > P. 1:101 ack 1\n 300 > P. 1:101 ack 1\n 900 > P. 1:101 ack 1").facts();
    assert_eq!(dead.one_sided, None);
}

#[test]
fn a_new_syn_starts_a_new_connection() {
    let mut script = Script::new();
    assert!(!script.starts_anew("0 > S 0:0"), "nothing came before");
    script.run("0 > S 0:0");
    assert!(!script.starts_anew("1000 > S 0:0"), "sent again");
    assert!(script.starts_anew("1000 > S 77:77"), "another number");
    assert!(!script.starts_anew("1 < S 0:0"), "simultaneous open");
    assert!(!script.starts_anew("1 < S. 0:0 ack 1"));
    assert!(script.starts_anew("1 < S. 0:0 ack 78"), "the answer to another SYN");
    script.run("20 < S. 0:0 ack 1\n 21 > . 1:1 ack 1");
    assert!(!script.starts_anew("22 > S 0:0"), "a late copy");
    assert!(!script.starts_anew("22 < S. 0:0 ack 1"), "a late copy");
    assert!(script.starts_anew("22 > S 5000:5000"), "the client started again");
    assert!(script.starts_anew("22 < S 5000:5000"), "the other way round");
    assert!(script.starts_anew("60000 > S 0:0"), "the client started again and chose the same number");
    script.run("30 > F. 1:1 ack 1\n 50 < F. 1:1 ack 2\n 51 > . 2:2 ack 2");
    assert!(script.tracker.is_closed() && script.starts_anew("52 > S 0:0"), "the same number after the close");
}

#[test]
fn a_syn_may_be_captured_behind_its_answer() {
    let mut script = Script::of("0 < S. 0:0 ack 1");
    assert!(!script.starts_anew("0.1 > S 0:0") && script.starts_anew("0.1 > S 9:9"));
    script.run("0.1 > S 0:0\n 0.2 > . 1:1 ack 1");
    assert_eq!(script.story(), ["1 server syn_ack", "2 client syn", "3 client established"]);
    assert_eq!(script.facts().one_sided, None);
}

#[test]
fn a_refused_syn_that_is_sent_again_is_the_same_attempt() {
    let script = Script::of("0 > S 0:0\n 20 < R. 0:0 ack 1");
    assert!(script.tracker.is_closed());
    assert!(!script.starts_anew("520 > S 0:0"));
    assert!(script.starts_anew("520 > S 9000:9000"));
}

#[test]
fn another_syn_ack_before_the_acknowledgment_replaces_the_first() {
    // Two servers answer behind one address; the client takes the second one's number.
    let mut script = Script::of("0 > S 0:0\n 20 < S. 0:0 ack 1\n 21 < S. 4000:4000 ack 1\n 22 > . 1:1 ack 4001");
    script.run("23 < . 4001:4001 ack 1");
    assert_eq!(script.facts().server.missed_bytes, 0);
    assert_eq!(script.story()[1..4], ["2 server syn_ack", "3 server syn_ack", "4 client established"]);
}
