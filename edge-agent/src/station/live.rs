//! The stream of views: one task composes, every open page gets the same bytes.
//!
//! A view is sent when it differs from the one before in anything but its time: at most four times a second, and at once
//! when somebody entered something.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::api::{Moment, View};
use super::shell::Station;

/// Pages that watch at once.
const STREAMS_MAX: usize = 16;
const LOOK: Duration = Duration::from_millis(250);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where streams begin. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Live {
    events: watch::Receiver<Bytes>,
    places: Arc<Semaphore>,
    station: Station,
    stopping: CancellationToken,
}

impl Live {
    /// The task composes while there are pages to see it, until `stopping`.
    pub(super) fn start(station: Station, stopping: CancellationToken) -> (Live, impl Future<Output = ()> + Send) {
        let (publish, events) = watch::channel(Bytes::new());
        let places = Arc::new(Semaphore::new(STREAMS_MAX));
        let live = Live { events, places: Arc::clone(&places), station: station.clone(), stopping: stopping.clone() };
        (live, publish_views(station, publish, places, stopping))
    }

    /// A new stream; none when there are too many.
    pub(super) fn open(&self) -> Option<Stream> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.clone().feed(sender, place));
        Some(Stream(receiver))
    }

    /// Until the page goes or the agent stops. A slow page misses views in between, never the last one.
    async fn feed(mut self, page: mpsc::Sender<Bytes>, _place: OwnedSemaphorePermit) {
        self.events.mark_unchanged();
        let Ok(view) = self.station.view().await else { return };
        let mut next = framed("view", &View { pages: pages(&self.places), ..view });
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return,
                sent = page.send(next) => if sent.is_err() { return },
            }
            next = tokio::select! {
                () = self.stopping.cancelled() => return,
                () = page.closed() => return,
                changed = self.events.changed() => match changed {
                    Ok(()) => self.events.borrow_and_update().clone(),
                    Err(_) => return,
                },
                () = tokio::time::sleep(HEARTBEAT) => framed("heartbeat", &Heartbeat { at: self.station.now() }),
            };
        }
    }
}

/// Pages that watch.
fn pages(places: &Semaphore) -> usize {
    STREAMS_MAX - places.available_permits()
}

#[derive(serde::Serialize)]
struct Heartbeat {
    at: Moment,
}

fn framed(event: &str, data: &impl serde::Serialize) -> Bytes {
    let json = serde_json::to_string(data).unwrap_or_default();
    format!("event: {event}\ndata: {json}\n\n").into()
}

async fn publish_views(
    station: Station,
    publish: watch::Sender<Bytes>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
) {
    let (mut appended, mut central) = (station.buffer().appended(), station.central());
    let mut desk = station.desk();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut standing = None;
    let mut shown: Option<View> = None;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = look.tick() => {}
            Ok(()) = desk.changed() => {}
        }
        if pages(&places) == 0 {
            (standing, shown) = (None, None);
            continue;
        }
        let moved = appended.has_changed().unwrap_or(false) || central.has_changed().unwrap_or(false);
        if moved || standing.is_none() {
            appended.mark_unchanged();
            central.mark_unchanged();
            // A log that is being opened anew after a fault does not answer: it is asked again at the next look.
            let position = station.buffer().position().await.ok();
            standing = position.map(|it| (it.acknowledged, it.backlog_events));
        }
        let Some((acknowledged, waiting_events)) = standing else { continue };
        let view = View { pages: pages(&places), ..station.view_at(acknowledged, waiting_events) };
        if shown.as_ref().is_none_or(|shown| View { at: view.at, ..shown.clone() } != view) {
            publish.send_replace(framed("view", &view));
            shown = Some(view);
        }
    }
}

/// The body of an answer that goes on.
pub(super) struct Stream(pub(super) mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
