//! Names of servers, learnt from the DNS messages of the capture: supporting evidence for the connections that follow.

use crate::decode::DnsMessage;
use crate::pack::packed;
use crate::stream::Moment;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// How many answers are remembered; the oldest go first.
const LIMIT: usize = 1024;

/// A question and its answer.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The question, where the capture has it.
    pub query: Option<DnsMessage>,
    /// Its answer.
    pub answer: DnsMessage,
}

packed! { shared Resolution }

impl Resolution {
    /// The name that was asked for.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.answer.question.as_ref().map(|question| question.name.as_str())
    }

    /// When the answer came.
    #[must_use]
    pub const fn answered(&self) -> Moment {
        Moment::new(self.answer.at, self.answer.frame)
    }
}

/// The questions and answers of late.
#[derive(Debug, Default)]
pub struct Names {
    waiting: VecDeque<DnsMessage>,
    answers: VecDeque<Arc<Resolution>>,
}

impl Names {
    /// Takes note of a message.
    pub fn learn(&mut self, message: DnsMessage) {
        if !message.is_response {
            push_bounded(&mut self.waiting, message);
            return;
        }
        let asked = |query: &DnsMessage| {
            query.id == message.id && query.client == message.client && query.question == message.question
        };
        let query = self.waiting.iter().position(asked).and_then(|index| self.waiting.remove(index));
        push_bounded(&mut self.answers, Arc::new(Resolution { query, answer: message }));
    }

    /// The latest answer that led this client to this server.
    #[must_use]
    pub fn resolution(&self, client: IpAddr, server: IpAddr) -> Option<&Arc<Resolution>> {
        let leads = |answer: &&Arc<Resolution>| {
            answer.answer.client.address == client && answer.answer.addresses.contains(&server)
        };
        self.answers.iter().rev().find(leads)
    }

    /// The answers of late, the oldest first.
    pub fn answers(&self) -> impl Iterator<Item = &Resolution> {
        self.answers.iter().map(Arc::as_ref)
    }

    /// The questions that nobody has answered so far.
    pub fn unanswered(&self) -> impl Iterator<Item = &DnsMessage> {
        self.waiting.iter()
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= LIMIT {
        queue.pop_front();
    }
    queue.push_back(item);
}
