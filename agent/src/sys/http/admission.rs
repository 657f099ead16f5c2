//! Who holds a connection, and who has to give one up: [`Places`] decides, and whoever goes is cut off at once.

use gp_agent_core::resources::places::{Holder, Place, Places};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The connections of one side.
pub(super) struct Admission {
    held: Mutex<Held>,
}

struct Held {
    places: Places,
    /// How the connection at a place is told to end.
    cuts: BTreeMap<Place, oneshot::Sender<()>>,
}

impl Admission {
    /// So many connections in all, and at most `share` of them for one client.
    pub(super) fn new(all: usize, share: usize) -> Arc<Admission> {
        let held = Held {
            places: Places::new(all, share),
            cuts: BTreeMap::new(),
        };
        Arc::new(Admission { held: Mutex::new(held) })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a newcomer, and what ends when it has to give it up.
    pub(super) fn enter(self: &Arc<Self>, client: Holder) -> (Admitted, oneshot::Receiver<()>) {
        let (cut, is_cut) = oneshot::channel();
        let mut held = self.held();
        let (place, leaves) = held.places.enter(client);
        if let Some(other) = leaves.and_then(|other| held.cuts.remove(&other)) {
            tracing::debug!("too many HTTP connections; closed one that waited");
            // It may just have ended by itself.
            let _ = other.send(());
        }
        held.cuts.insert(place, cut);
        let admission = self.clone();
        (Admitted { admission, place }, is_cut)
    }
}

/// A connection's place, until this is dropped.
pub(super) struct Admitted {
    admission: Arc<Admission>,
    place: Place,
}

impl Admitted {
    /// A request is being answered until the value that comes back is dropped.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        self.admission.held().places.begin(self.place);
        AtWork(self)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut held = self.admission.held();
        held.places.leave(self.place);
        held.cuts.remove(&self.place);
    }
}

/// A request that is being answered.
pub(super) struct AtWork<'a>(&'a Admitted);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.admission.held().places.end(self.0.place);
    }
}
