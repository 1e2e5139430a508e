//! Waiting batches, and who commits them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;

use crate::sync::group::{Answer, Committer, Prepared};

/// Batches in one transaction, and events, by which it is cut off.
const GROUP_BATCHES_MAX: usize = 64;
const GROUP_EVENTS_MAX: usize = 60_000;

/// A batch that waits for its commit, with its share of memory.
#[derive(Debug)]
struct Job {
    work: Arc<Prepared>,
    answer: oneshot::Sender<Answer>,
    memory: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Agents of the groups that are being committed.
    busy: HashSet<i32>,
}

/// Batches wait here in the order in which they came. Memory is bounded by the permits that jobs hold.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Queue {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in a batch. The answer comes after its commit; the sender is dropped when the process stops.
    pub fn submit(&self, work: Prepared, memory: OwnedSemaphorePermit) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        self.waiting().jobs.push_back(Job { work: Arc::new(work), answer, memory });
        self.wake.notify_one();
        answered
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().jobs.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next group: of every agent at most one batch, and of none that is being committed.
    fn take(&self) -> Vec<Job> {
        let mut waiting = self.waiting();
        let Waiting { jobs, busy } = &mut *waiting;
        let mut group: Vec<Job> = Vec::new();
        let mut held: HashSet<i32> = HashSet::new();
        let mut left = VecDeque::with_capacity(jobs.len());
        let mut events = 0;
        for job in jobs.drain(..) {
            let agent = job.work.agent.id;
            let fits = group.is_empty()
                || (group.len() < GROUP_BATCHES_MAX && events + job.work.batch.events.len() <= GROUP_EVENTS_MAX);
            // One that has to wait holds up its agent's later ones: order is kept.
            if fits && !held.contains(&agent) && !busy.contains(&agent) {
                events += job.work.batch.events.len();
                group.push(job);
            } else {
                left.push_back(job);
            }
            held.insert(agent);
        }
        *jobs = left;
        busy.extend(group.iter().map(|job| job.work.agent.id));
        if !group.is_empty() && !jobs.is_empty() {
            self.wake.notify_one();
        }
        group
    }

    /// Commits groups until the process stops; what was taken is finished.
    pub async fn work(&self, committer: &Committer, stopping: CancellationToken) {
        loop {
            let group = self.take();
            if group.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => continue,
                    () = stopping.cancelled() => return,
                }
            }
            let works: Vec<Arc<Prepared>> = group.iter().map(|job| job.work.clone()).collect();
            let answers = committer.commit(&works).await;
            {
                let mut waiting = self.waiting();
                for work in &works {
                    waiting.busy.remove(&work.agent.id);
                }
                if !waiting.jobs.is_empty() {
                    self.wake.notify_one();
                }
            }
            for (job, answer) in group.into_iter().zip(answers) {
                // Free again before the agent can send its next one.
                drop(job.memory);
                // An agent that has hung up asks again.
                let _ = job.answer.send(answer);
            }
        }
    }
}
