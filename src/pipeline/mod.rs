//! Frames spread by flow over threads, and what they told put into one order.
//!
//! ```text
//! reader ──Batch──▶ analyzer of share 0 ──News──┐
//!        ╲─Batch──▶ analyzer of share 1 ──News──┴▶ by batch, sorted ──▶ tell
//! ```
//!
//! In come batches, filled by a thread of their own; out go connections that are over and clients that were accepted, in the order in
//! which one [`Analyzer`] alone would have told them, whatever the number of threads. All threads see the same batches, so that
//! none waits for another but at the end of each; a batch is used again when all have seen it, and there is a fixed number.
//!
//! Nothing here reads a file or writes a report: both are functions of the caller.

mod batch;

pub use batch::{Batch, Dealer};

use crate::analyzer::{Analyzer, Config, News, Order};
use crate::connection::Record;
use crate::flow::Share;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, ScopedJoinHandle};
use zeroize::Zeroizing;

/// Batches that wait for a thread, or results that wait for the others' at most.
const WAITING: usize = 4;

/// The most that is told of a batch in one piece: at its end a capture may have a million connections to tell.
const PIECE: usize = 256;

/// The most threads that have a use: beyond, the reader is what all wait for.
pub const MAX_THREADS: usize = 64;

/// How a capture is analysed by several threads.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What each analyzer is told.
    pub config: Config,
    /// TLS secrets that are known before the first frame, in the NSS key log format.
    pub secrets: Vec<Zeroizing<Vec<u8>>>,
    /// How many analyzers share the flows, each in its thread; 1 to [`MAX_THREADS`].
    pub threads: usize,
}

impl Plan {
    fn share(&self, index: usize) -> Share {
        Share { index, of: self.threads() }
    }

    fn threads(&self) -> usize {
        self.threads.clamp(1, MAX_THREADS)
    }
}

/// Analyses a capture: `fill` makes the batches and says whether there are more, `judge` makes of each finished connection what is
/// to be told of it (in the thread that has it), and `tell` gets that in order.
///
/// # Errors
/// The first of `tell`: the rest is left.
pub fn run<T: Send, E>(
    plan: &Plan,
    fill: impl FnMut(&mut Dealer, &mut Batch) -> bool + Send,
    judge: impl Fn(Box<Record>) -> T + Sync,
    mut tell: impl FnMut(News<T>) -> Result<(), E>,
) -> Result<Analyzer, E> {
    let (give_back, emptied) = channel();
    for _ in 0..plan.threads() + WAITING {
        // The other end is held here.
        let _ = give_back.send(Batch::default());
    }
    thread::scope(|scope| {
        let (mut batches, mut results, mut analyzers) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..plan.threads() {
            let (batch_to, batches_here) = sync_channel(WAITING);
            let (result_to, results_here) = sync_channel(WAITING);
            let (give_back, judge) = (give_back.clone(), &judge);
            analyzers.push(scope.spawn(move || {
                let analyzer = Analyzer::for_share(plan.config.clone(), plan.share(index));
                Worker { analyzer, share: plan.share(index), judge, result_to, give_back }.work(plan, &batches_here)
            }));
            batches.push(batch_to);
            results.push(results_here);
        }
        drop(give_back);
        let dealer = Dealer::new(&plan.config, plan.threads());
        let reader = scope.spawn(move || read(dealer, fill, &emptied, &batches));
        let told = merge(&results, &mut tell);
        // Whoever still works for somebody who gave up ends now.
        drop(results);
        let dealer = join(reader);
        let analyzers: Vec<_> = analyzers.into_iter().map(join).collect();
        told.map(|()| joined(plan, analyzers, &dealer))
    })
}

/// Fills batches and hands each to all, until there are no more or nobody wants them.
fn read(
    mut dealer: Dealer,
    mut fill: impl FnMut(&mut Dealer, &mut Batch) -> bool,
    emptied: &Receiver<Batch>,
    to: &[SyncSender<Arc<Batch>>],
) -> Dealer {
    let mut own = None;
    while let Some(mut batch) = own.take().or_else(|| emptied.recv().ok()) {
        let more = fill(&mut dealer, &mut batch);
        let batch = Arc::new(batch);
        let gone = to.iter().any(|to| to.send(Arc::clone(&batch)).is_err());
        if gone || !more {
            break;
        }
        // All may have seen it by now: then this was the last one that held it, and nobody else gives it back.
        own = Arc::into_inner(batch).map(Batch::emptied);
    }
    dealer
}

/// Gives what the analyzers told of each batch, in order; of one analyzer it is in order already. A piece of each is held, and no
/// more, however much a batch (or the capture's end) has to tell.
fn merge<T, E>(results: &[Receiver<Piece<T>>], tell: &mut impl FnMut(News<T>) -> Result<(), E>) -> Result<(), E> {
    let mut tellings: Vec<_> = results.iter().map(Telling::new).collect();
    // All are asked: what one has of this batch is not to be told with what another has of the next.
    while tellings.iter_mut().map(Telling::next_piece).fold(false, |any, is_there| any | is_there) {
        let earliest = |tellings: &mut [Telling<'_, T>]| {
            let orders = tellings.iter_mut().enumerate().filter_map(|(index, telling)| Some((telling.order()?, index)));
            orders.min().map(|(_, index)| index)
        };
        while let Some(news) = earliest(&mut tellings).and_then(|index| tellings.get_mut(index)?.news.next()) {
            tell(news)?;
        }
    }
    Ok(())
}

/// A part of what an analyzer tells of a batch.
struct Piece<T> {
    news: Vec<News<T>>,
    /// Whether it is the batch's last one.
    is_last: bool,
}

/// What one analyzer tells of a batch.
struct Telling<'r, T> {
    from: &'r Receiver<Piece<T>>,
    news: std::vec::IntoIter<News<T>>,
    /// Whether more pieces come of this batch.
    more: bool,
}

impl<'r, T> Telling<'r, T> {
    fn new(from: &'r Receiver<Piece<T>>) -> Self {
        Self { from, news: Vec::new().into_iter(), more: false }
    }

    /// Takes the next piece; says whether there is one.
    fn next_piece(&mut self) -> bool {
        let piece = self.from.recv().ok();
        self.more = piece.as_ref().is_some_and(|piece| !piece.is_last);
        let is_there = piece.is_some();
        self.news = piece.map(|piece| piece.news).unwrap_or_default().into_iter();
        is_there
    }

    /// The place of what it tells next of this batch.
    fn order(&mut self) -> Option<Order> {
        while self.news.as_slice().is_empty() && self.more {
            self.next_piece();
        }
        self.news.as_slice().first().map(|news| news.order)
    }
}

/// One of the threads that analyse.
struct Worker<'a, T, J> {
    analyzer: Analyzer,
    share: Share,
    judge: &'a J,
    result_to: SyncSender<Piece<T>>,
    give_back: Sender<Batch>,
}

impl<T, J: Fn(Box<Record>) -> T> Worker<'_, T, J> {
    fn work(mut self, plan: &Plan, batches: &Receiver<Arc<Batch>>) -> Analyzer {
        for text in &plan.secrets {
            self.analyzer.add_secrets(text);
        }
        while let Ok(batch) = batches.recv() {
            batch.show(&mut self.analyzer, self.share);
            // The last one that has seen it.
            if let Some(batch) = Arc::into_inner(batch) {
                let _ = self.give_back.send(batch.emptied());
            }
            if !self.hand_over() {
                return self.analyzer;
            }
        }
        self.analyzer.finish();
        self.hand_over();
        self.analyzer
    }

    /// Whether somebody still wants it.
    fn hand_over(&mut self) -> bool {
        loop {
            let news = std::iter::from_fn(|| self.analyzer.poll_news()).take(PIECE);
            let news: Vec<_> = news.map(|news| news.map(self.judge)).collect();
            let is_last = news.len() < PIECE;
            if self.result_to.send(Piece { news, is_last }).is_err() {
                return false;
            }
            if is_last {
                return true;
            }
        }
    }
}

/// One analyzer with the figures of all. What is of no flow was seen by each, so that the first one's word counts.
fn joined(plan: &Plan, analyzers: Vec<Analyzer>, dealer: &Dealer) -> Analyzer {
    let mut analyzers = analyzers.into_iter();
    let mut first = analyzers.next().unwrap_or_else(|| Analyzer::new(plan.config.clone()));
    for other in analyzers {
        first.join(&other);
    }
    first.join_reading(dealer.stats(), dealer.skipped());
    first
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
