//! Live capture with libpcap: what comes in is names of interfaces and a filter, what goes out is batches of frames and news
//! about the interfaces, over a bounded channel.
//!
//! [`LiveCapture::open`] needs the right to capture, and nothing after it does: root can be dropped before
//! [`LiveCapture::start`], which makes one thread for each interface. Frames wait in the kernel's buffer while the reader is
//! slow; nothing is dropped here, and what the kernel drops is told ([`News::Counted`]). A quiet link does not delay the stop.

mod batch;
mod device;
mod error;
mod thread;

pub use batch::{Batch, Captured};
pub use device::{ANY, BUFFER, Interface, Link, Options, SNAPLEN, default_route, interfaces, loopback};
pub use error::LiveError;

use crate::frame::LinkType;
use device::Copies;
use pcap::{Active, Capture};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use thread::{BATCHES, Control, Filling, Order, Tally, Worker};

/// What the capture tells.
#[derive(Debug)]
pub enum News {
    /// Frames came.
    Frames(Batch),
    /// Frames of an interface were dropped; totals since the beginning.
    Counted {
        /// The index of the interface.
        interface: usize,
        /// The totals.
        counters: Counters,
    },
    /// An interface went away.
    Lost {
        /// The index of the interface.
        interface: usize,
        /// libpcap's words.
        message: String,
    },
    /// It came back.
    Back {
        /// The index of the interface.
        interface: usize,
    },
    /// Nothing more comes from this interface.
    Over {
        /// The index of the interface.
        interface: usize,
    },
}

/// Frames that were dropped on one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By the kernel, because its buffer was full.
    pub kernel: u64,
    /// By the interface or its driver.
    pub interface: u64,
}

/// Interfaces that are open, with no thread yet.
pub struct LiveCapture {
    interfaces: Vec<Opened>,
    options: Options,
}

struct Opened {
    name: String,
    capture: Capture<Active>,
    link_type: LinkType,
}

impl LiveCapture {
    /// Opens the interfaces.
    ///
    /// # Errors
    /// One sentence about the first one that cannot be opened.
    pub fn open(names: &[String], options: Options) -> Result<Self, LiveError> {
        let open = |name: &String| {
            let capture = device::open(name, &options)?;
            let link_type = device::link_type(capture.get_datalink());
            Ok(Opened { name: name.clone(), capture, link_type })
        };
        let interfaces = names.iter().map(open).collect::<Result<_, LiveError>>()?;
        Ok(Self { interfaces, options })
    }

    /// The names, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.interfaces.iter().map(|interface| interface.name.as_str())
    }

    /// The link types, in the order of the names.
    pub fn link_types(&self) -> impl Iterator<Item = LinkType> {
        self.interfaces.iter().map(|interface| interface.link_type)
    }

    /// Begins to capture: a thread for each interface, each of which waits for its interface when that goes away if
    /// `reopen` says so.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, reopen: bool) -> io::Result<Running> {
        let Self { interfaces, options } = self;
        // Room for every batch that there can be and some news: no thread ever waits to hand something over.
        let (out, news) = sync_channel(interfaces.len() * (BATCHES + 16));
        let mut running = Running { news, free: Vec::new(), threads: Vec::new() };
        for (index, Opened { name, mut capture, link_type }) in interfaces.into_iter().enumerate() {
            let (free, empty) = sync_channel(BATCHES);
            let control = Control::new(&mut capture);
            let filling = Filling::new(index, link_type, empty, out.clone());
            let thread_name = format!("capture {name}");
            let tally = Tally::new(Copies::of(&name));
            let options = options.clone();
            let link = Link::named(&name);
            let worker =
                Worker { link, capture, control: Arc::clone(&control), options, reopen, filling, tally, rounds: 0 };
            let handle = Builder::new().name(thread_name).spawn(move || worker.run())?;
            running.free.push(free);
            running.threads.push((control, handle));
        }
        Ok(running)
    }
}

/// A capture that is going on. Dropping it ends its threads.
pub struct Running {
    news: Receiver<News>,
    free: Vec<SyncSender<Batch>>,
    threads: Vec<(Arc<Control>, JoinHandle<()>)>,
}

impl Running {
    /// What comes next, if it comes within `patience`; `None` if nothing does.
    pub fn next(&self, patience: Duration) -> Option<News> {
        self.news.recv_timeout(patience).ok()
    }

    /// Gives a batch back, to be filled again.
    pub fn recycle(&self, batch: Batch) {
        if let Some(free) = self.free.get(batch.interface) {
            // The thread may be over: then the batch is of no use.
            drop(free.try_send(batch));
        }
    }

    /// Turns the filter off, to see what else there is, or on again.
    pub fn look(&self, everything: bool) {
        self.order(if everything { Order::Look } else { Order::Capture });
    }

    /// Ends the capture. What was captured so far, and the last counters, come from [`Self::next`] until all interfaces are
    /// [`News::Over`].
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Ends the capture on one interface only.
    pub fn give_up(&self, interface: usize) {
        if let Some(thread) = self.threads.get(interface) {
            give(thread, Order::Stop);
        }
    }

    fn order(&self, order: Order) {
        self.threads.iter().for_each(|thread| give(thread, order));
    }
}

fn give((control, thread): &(Arc<Control>, JoinHandle<()>), order: Order) {
    control.give(order);
    // One whose interface went away waits for that.
    thread.thread().unpark();
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        // A thread that waits for a free batch, or to hand one over, is to find that nobody is there.
        self.free.clear();
        self.news = sync_channel(0).1;
        for (_, thread) in self.threads.drain(..) {
            // A capture thread does not panic; if it did, there is nobody to tell any more.
            drop(thread.join());
        }
    }
}
