//! What the heap sees of the core: nothing while a long session goes on, and little of a connection that is idle.
//!
//! One counting allocator for the whole binary, so that the tests take turns.

#[path = "support/recorded.rs"]
mod recorded;

use iotcap::analyzer::{Analyzer, Config};
use iotcap::decode::Interest;
use iotcap::flow::Limits;
use recorded::{Recorded, recorded};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

static TURN: Mutex<()> = Mutex::new(());

/// The frames of `fixtures/telemetry`: a session over TLS 1.3 is established by the 16th; then each PUBLISH of QoS 1, of 123
/// bytes on the wire, is answered by a PUBACK of 26, some 30 ms after the one before.
const ESTABLISHED: usize = 16;
const PUBLISH: (usize, u32) = (16, 123);
const PUBACK: (usize, u32) = (17, 26);

/// An established connection that is awake, in bytes of heap: its place in the flow table, what its layers hold and its events.
const AWAKE_LIMIT: usize = 11 * 1024;

/// The same one asleep.
const ASLEEP_LIMIT: usize = 1024;

#[test]
fn a_long_session_allocates_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let recorded = recorded("telemetry");
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut analyzer = analyzer();
    for frame in &recorded[..ESTABLISHED] {
        frame.push(&mut analyzer);
    }
    let ((publish, sent), (puback, answered)) = (PUBLISH, PUBACK);
    let mut frame = recorded[publish].clone();
    let mut round = |number: u32| {
        later(&recorded[publish], number, sent, answered, &mut frame);
        frame.push(&mut analyzer);
        later(&recorded[puback], number, answered, sent, &mut frame);
        frame.push(&mut analyzer);
    };
    // Until what is kept of every session is full.
    (0..1_000).for_each(&mut round);
    let before = dhat::HeapStats::get();
    (1_000..11_000).for_each(&mut round);
    let after = dhat::HeapStats::get();
    assert_eq!(after.total_blocks - before.total_blocks, 0, "20,000 frames of a session that goes on");
    analyzer.finish();
    let record = analyzer.poll().expect("the session");
    assert_eq!(record.tcp.client.frames + record.tcp.server.frames, 16 + 22_000);
    assert_eq!(
        record.tcp.client.retransmissions.total() + record.tcp.server.out_of_order,
        0,
        "the copies are a session"
    );
}

#[test]
fn an_idle_connection_is_small() {
    /// Fifty in each table of flows.
    const CONNECTIONS: u32 = 64 * 50;

    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let recorded = recorded("telemetry");
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut analyzer = analyzer();
    let open = |client: u32, analyzer: &mut Analyzer| {
        for frame in &recorded[..ESTABLISHED + 2] {
            frame.of_client(client).push(analyzer);
        }
        assert!(analyzer.poll_arrival().is_some(), "the broker has accepted the client");
    };
    // What all connections share is there after the first one, which has slept.
    open(0, &mut analyzer);
    sleep(&mut analyzer);
    let before = dhat::HeapStats::get().curr_bytes;
    (1..CONNECTIONS).for_each(|client| open(client, &mut analyzer));
    let each = || (dhat::HeapStats::get().curr_bytes - before) / (CONNECTIONS - 1) as usize;
    assert_eq!(analyzer.stats().table.opened, u64::from(CONNECTIONS));
    let awake = each();
    sleep(&mut analyzer);
    assert_eq!(analyzer.sleepers().asleep, CONNECTIONS as usize);
    let asleep = each();
    println!("{awake} bytes awake, {asleep} asleep; {:?}", analyzer.sleepers());
    assert!(awake <= AWAKE_LIMIT, "{awake} bytes");
    assert!(asleep <= ASLEEP_LIMIT, "{asleep} bytes");
    let counted = analyzer.sleepers().bytes / CONNECTIONS as usize;
    assert!((asleep * 3 / 4..asleep * 5 / 4).contains(&counted), "the table counts {counted} bytes, the heap {asleep}");
}

/// Lets time pass until all have slept for long enough.
fn sleep(analyzer: &mut Analyzer) {
    let quiet = analyzer.now().expect("a frame") + Limits::default().quiet;
    (0..100).for_each(|seconds| analyzer.advance(quiet + Duration::from_secs(seconds)));
}

fn analyzer() -> Analyzer {
    let interest = Interest { ports: vec![8883], ipv6: false, dns: false };
    Analyzer::new(Config { interest, ..Config::default() })
}

/// A frame of a later round, in which each side has sent so much more; written over another frame.
fn later(recorded: &Recorded, rounds: u32, sent: u32, acknowledged: u32, later: &mut Recorded) {
    const PERIOD: Duration = Duration::from_millis(30);
    const SEQ: usize = 14 + 20 + 4;

    later.data.clone_from(&recorded.data);
    later.number = recorded.number + u64::from(rounds) * 2;
    later.at = recorded.at + PERIOD * rounds;
    for (offset, bytes) in [(SEQ, sent), (SEQ + 4, acknowledged)] {
        let field: &mut [u8; 4] = later.data[offset..].first_chunk_mut().expect("a header of TCP");
        *field = u32::from_be_bytes(*field).wrapping_add(bytes * rounds).to_be_bytes();
    }
}
