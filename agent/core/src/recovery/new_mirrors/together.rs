//! gpaddmirrors takes all primaries or none.

use crate::recovery::segments::method::{Method, Target};

/// Of what could be done now, where so many mirrors are not in the catalog.
pub(in crate::recovery) fn all_or_none(ready: &mut Vec<(Method, Target)>, unlisted: usize) {
    let adds = ready.iter().filter(|(method, _)| *method == Method::Add).count();
    if adds < unlisted {
        ready.retain(|(method, _)| *method != Method::Add);
    }
}

/// Whoever names one mirror that is not there yet means all of them.
pub(in crate::recovery) fn widen(pod: Option<String>, lacking: impl Fn(&str) -> bool) -> Option<String> {
    pod.filter(|pod| !lacking(pod))
}
