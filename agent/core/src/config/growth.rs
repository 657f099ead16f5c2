//! Whether another configuration only adds pods to a cluster: then a running agent can begin anew with it, beside its server.

use super::diff::diff;
use super::schema::Config;

/// What became of the pods that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Nothing that matters here.
    None,
    /// There are segments, mirrors, or a standby, that were not there before, and nothing else needs a restart.
    Added,
    /// Mirrors, the standby or segments that were there are gone.
    Removed,
}

/// From `old` to `new`.
pub fn growth(old: &Config, new: &Config) -> Growth {
    let fewer = new.segments.count < old.segments.count;
    let mirrors = (old.segments.mirrors.is_some(), new.segments.mirrors.is_some());
    let standby = (old.coordinator.standby, new.coordinator.standby);
    if fewer || mirrors == (true, false) || standby == (true, false) {
        return Growth::Removed;
    }
    // A port of mirrors that there are not means nothing before.
    let follows = |key: &String| match key.as_str() {
        "segments.mirrors" | "segments.mirrorPort" => mirrors == (false, true),
        "coordinator.standby" => true,
        "segments.count" => new.segments.count > old.segments.count,
        _ => false,
    };
    let restart = diff(old, new).needs_restart;
    match !restart.is_empty() && restart.iter().all(follows) && old.engine.has_catalog() {
        true => Growth::Added,
        false => Growth::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    fn config(coordinator: &str, segments: &str, rest: &str) -> Config {
        read(&format!(
            "cluster: w\nengine: greenplum\ncoordinator: {{ {coordinator} }}\nsegments: {{ {segments} }}\n{rest}\n"
        ))
    }

    #[test]
    fn what_only_adds_pods_is_told_apart() {
        let old = config("standby: false", "count: 2", "");
        let grown = |coordinator, segments, rest| growth(&old, &config(coordinator, segments, rest));
        assert_eq!(grown("standby: false", "count: 2", ""), Growth::None);
        assert_eq!(grown("standby: true", "count: 2", ""), Growth::Added);
        assert_eq!(grown("standby: false", "count: 2, mirrors: b", ""), Growth::Added);
        let both = "count: 2, mirrors: b, mirrorPort: 7000";
        assert_eq!(grown("standby: true", both, "hba: { extra: [] }"), Growth::Added);
        // Others are applied when somebody says so.
        assert_eq!(grown("standby: false", "count: 3", ""), Growth::Added);
        assert_eq!(grown("standby: true", "count: 3, mirrors: b", ""), Growth::Added);
        assert_eq!(grown("standby: false", "count: 3, primaryPort: 7000", ""), Growth::None);
        assert_eq!(grown("standby: true", "count: 2", "http: { port: 8009 }"), Growth::None);
    }

    #[test]
    fn what_is_gone_is_never_taken_over() {
        let old = config("standby: true", "count: 2, mirrors: b", "");
        for (coordinator, segments) in [
            ("standby: true", "count: 2"),
            ("standby: false", "count: 2, mirrors: b"),
            ("standby: true", "count: 1, mirrors: b"),
        ] {
            assert_eq!(growth(&old, &config(coordinator, segments, "")), Growth::Removed);
        }
        let moved = config("standby: true", "count: 2, mirrors: c", "");
        assert_eq!(growth(&old, &moved), Growth::None, "other pods");
    }
}
