//! The paths that the server answers: one table for the router, for whoever asks for another path, and for the reference
//! (docs/reference/http.md).

use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::topology::Role;

/// A path and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// `GET`, which stands for HEAD too, or `POST`.
    pub method: &'static str,
    /// The path; a word in capitals stands for a value.
    pub path: &'static str,
    /// Whether the unix socket alone answers it.
    pub unix_only: bool,
    /// What it answers.
    pub meaning: &'static str,
    pub(super) route: Route,
}

/// What is done about a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    Startup,
    Live,
    Ready,
    Status,
    Cluster,
    Catalog(Option<ContentId>),
    Partner,
    Recheck,
    Promise,
    /// 0.1.0's word for [`Route::Recheck`]; to be removed once no agent of 0.1.0 can run beside this one.
    LookAgain,
    Metrics,
    Role(Role),
    Hold,
    Resume,
    Switchover,
    Failover,
    PauseFailover,
    ResumeFailover,
    Recover,
    Rebalance,
    Expand,
}

const fn get(path: &'static str, route: Route, meaning: &'static str) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        unix_only: false,
        meaning,
        route,
    }
}

const fn post(path: &'static str, route: Route, meaning: &'static str) -> Endpoint {
    Endpoint {
        method: "POST",
        ..get(path, route, meaning)
    }
}

const fn post_on_socket(path: &'static str, route: Route, meaning: &'static str) -> Endpoint {
    Endpoint {
        unix_only: true,
        ..post(path, route, meaning)
    }
}

/// Every path, in the order of the reference.
pub const ENDPOINTS: &[Endpoint] = &[
    get(
        "/startupz",
        Route::Startup,
        "200 when this pod can take part: configuration, volume and data directory are done",
    ),
    get(
        "/readyz",
        Route::Ready,
        "200 when the pod's role does its work now: SQL answers, or write-ahead log streams",
    ),
    get(
        "/livez",
        Route::Live,
        "200 when the agent's loop turns; never depends on the database",
    ),
    get(
        "/coordinator",
        Route::Role(Role::Coordinator),
        "200 when this pod is the active coordinator, and ready; for load balancers",
    ),
    get("/standby", Route::Role(Role::Standby), "the same for the standby"),
    get("/primary", Route::Role(Role::Primary), "the same for a primary"),
    get("/mirror", Route::Role(Role::Mirror), "the same for a mirror"),
    get(
        "/status",
        Route::Status,
        "JSON: everything that this agent knows of its pod",
    ),
    get(
        "/cluster",
        Route::Cluster,
        "JSON: the status of every pod, with Greenplum beside its row of the catalog",
    ),
    get(
        "/catalog",
        Route::Catalog(None),
        "JSON: what this pod knows of gp_segment_configuration (Greenplum, coordinator pods)",
    ),
    get(CATALOG_OF, Route::Catalog(None), "the same of one content alone"),
    get(
        "/partner",
        Route::Partner,
        "JSON: whether the pod on the other end of replication is silent (`silent`), its agent and its server alike; looked at when asked",
    ),
    post(
        "/recheck",
        Route::Recheck,
        "has this agent ask the coordinator pods again; the request only triggers a re-read, the caller is not authenticated",
    ),
    post(
        "/promise",
        Route::Promise,
        "asks this coordinator's agent not to take the role over for a while; only the other coordinator's is answered",
    ),
    get(
        "/look-again",
        Route::LookAgain,
        "as `/recheck`; agents of version 0.1.0 ask this way",
    ),
    get(
        "/metrics",
        Route::Metrics,
        "metrics in Prometheus' text format, or OpenMetrics for whoever accepts it",
    ),
    post_on_socket(
        "/hold",
        Route::Hold,
        "takes the postmaster out of supervision; the body is the reason",
    ),
    post_on_socket("/resume", Route::Resume, "gives the postmaster back to the agent"),
    post_on_socket(
        "/switchover",
        Route::Switchover,
        "hands the coordinator's role over to the standby; with the body `when-idle` once no client's transaction runs, within ten minutes; `cancel` calls that off",
    ),
    post_on_socket(
        "/failover",
        Route::Failover,
        "takes the coordinator's role over here by force; the body has to be `accept-data-loss`",
    ),
    post_on_socket(
        "/failover/pause",
        Route::PauseFailover,
        "no failover happens by itself any more",
    ),
    post_on_socket(
        "/failover/resume",
        Route::ResumeFailover,
        "failover happens by itself again",
    ),
    post_on_socket(
        "/recover",
        Route::Recover,
        "brings segments back that are down; the body is `full` for a new copy, a pod's name, both in this order, or nothing",
    ),
    post_on_socket(
        "/rebalance",
        Route::Rebalance,
        "changes primaries and mirrors back that have changed places, which cancels the sessions that use them",
    ),
    post_on_socket(
        "/expand",
        Route::Expand,
        "goes on with adding the segments of cluster.yaml that the catalog lacks, and with spreading tables over them",
    ),
];

/// The one path that ends in a value.
const CATALOG_OF: &str = "/catalog/CONTENT";

/// The endpoint of that path, and what is to be done.
pub(super) fn find(path: &str) -> Option<(&'static Endpoint, Route)> {
    let (wanted, content) = match path.strip_prefix("/catalog/") {
        Some(content) => (CATALOG_OF, Some(content.parse().ok()?)),
        None => (path, None),
    };
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == wanted)?;
    let route = match endpoint.route {
        Route::Catalog(_) => Route::Catalog(content),
        route => route,
    };
    Some((endpoint, route))
}

/// For whoever asked for a path that is not there: the paths that anybody may ask for, a line each.
pub(super) fn no_such_path() -> String {
    let open = ENDPOINTS.iter().filter(|endpoint| !endpoint.unix_only);
    let lines = open.map(|endpoint| {
        let Endpoint {
            method, path, meaning, ..
        } = endpoint;
        format!("\n{method:<5}{path:<18}{meaning}")
    });
    format!("no such path; there are{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_of_a_content_is_found_by_its_number() {
        let content = |path| match find(path) {
            Some((endpoint, Route::Catalog(content))) => Some((endpoint.path, content)),
            _ => None,
        };
        assert_eq!(content("/catalog"), Some(("/catalog", None)));
        assert_eq!(content("/catalog/-1"), Some((CATALOG_OF, Some(ContentId::COORDINATOR))));
        for wrong in [
            "/catalog/",
            "/catalog/x",
            "/catalog/CONTENT",
            "/catalog/1/",
            "/catalogs",
            "/",
            "",
        ] {
            assert!(find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn nobody_hears_of_the_socket_s_own_paths() {
        let text = no_such_path();
        assert!(text.contains("\nGET  /livez "), "{text}");
        assert!(!text.contains("/hold") && !text.contains("/resume"), "{text}");
    }
}
