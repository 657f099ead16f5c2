//! Whoever waits for another does so by a bound of the table in `process::timeouts`, where what has to fit is compared. A
//! duration that stands elsewhere says by its name that it is an interval, or is listed here with what else it is.

use super::imports::{for_tests, sources};
use super::source;
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::Visit;
use syn::{Expr, Item, Pat};

/// Modules that are tables of their own, with tests that hold them.
const TABLES: [&str; 3] = ["failover::timing", "process::shutdown_schedule", "process::timeouts"];

/// How the name of an interval ends: how often something is done, how long is rested between two tries.
const INTERVALS: [&str; 5] = ["EVERY", "AGAIN", "PAUSE", "APART", "TRIES"];

/// Durations that are neither a wait for somebody nor an interval by their names: module, constant or function, what it is.
const OTHERS: &[(&str, &str, &str)] = &[
    ("discovery::intervals", "crowd", "an interval for each of many peers"),
    (
        "discovery::intervals",
        "default",
        "intervals, by the names of the fields",
    ),
    (
        "failover::candidate::frame",
        "WINDOW",
        "how much of the past is compared",
    ),
    ("failover::candidate::hold", "NO_TIME", "a moment that does not come"),
    ("failover::candidate::sync", "STEADY", "what counts as steady"),
    ("init::fence", "LATE_LOOKS", "an interval"),
    ("init::fence", "LONGEST", "the latest moment that is believed"),
    ("init::fence", "LOOKS", "intervals, each for its distance"),
    ("init::options", "DEFAULT_GRACE", "the grace period"),
    ("init::options", "LONGEST_GRACE", "the grace period"),
    ("init::options", "SHORTEST_GRACE", "the grace period"),
    ("init::child", "LATE", "when init itself was late"),
    ("init::supervisor", "TIDY_AFTER", "when rare work counts as over"),
    (
        "kubernetes::events::queue",
        "default",
        "intervals, by the names of the fields",
    ),
    (
        "kubernetes::role_label::reconciler",
        "default",
        "intervals, by the names of the fields",
    ),
    (
        "lifecycle::discovery::hosts",
        "COALESCE",
        "what comes together is written together",
    ),
    ("lifecycle::failover::driver", "LATE", "the clock's grain"),
    (
        "lifecycle::peers::discovered",
        "COALESCE",
        "what comes together is told together",
    ),
    (
        "lifecycle::peers::look",
        "FRESH",
        "the age of an answer that is given again",
    ),
    (
        "lifecycle::postmaster::activities",
        "ANSWER_COUNTS_FOR",
        "the age of an answer that counts",
    ),
    (
        "lifecycle::ssh::settings",
        "default",
        "intervals, by the names of the fields",
    ),
    ("postgres::supervisor::model", "JUST_CRASHED", "what counts as recent"),
    ("process::restart_backoff", "HEALTHY", "what counts as a healthy run"),
    ("ssh::key_rotation", "OVERLAP", "how long two keys are valid"),
    ("storage", "SLOW_FSYNC", "what counts as slow"),
];

/// Where a duration is written down: the constant or, outside of one, the function.
#[derive(Default)]
struct Durations {
    within: Vec<String>,
    found: BTreeSet<String>,
}

impl Durations {
    fn in_text(text: &str) -> BTreeSet<String> {
        let mut durations = Durations::default();
        durations.visit_file(&syn::parse_file(text).unwrap());
        durations.found
    }

    fn note(&mut self) {
        let name = self.within.last().cloned().unwrap_or_default();
        if !INTERVALS.iter().any(|end| name.ends_with(end)) {
            self.found.insert(name);
        }
    }

    fn inside(&mut self, name: &syn::Ident, visit: impl FnOnce(&mut Self)) {
        self.within.push(name.to_string());
        visit(self);
        self.within.pop();
    }
}

/// `Duration::from_secs` and its kin.
fn makes_duration(expr: &Expr) -> bool {
    let Expr::Path(path) = expr else { return false };
    let words: Vec<String> = path.path.segments.iter().map(|part| part.ident.to_string()).collect();
    let [.., type_, function] = words.as_slice() else {
        return false;
    };
    type_ == "Duration" && function.starts_with("from_")
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Binary(binary) => is_number(&binary.left) && is_number(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Durations {
    fn visit_item(&mut self, item: &'ast Item) {
        if for_tests(item) {
            return;
        }
        match item {
            // A table of intervals, by its type.
            Item::Const(item) if matches!(&*item.ty, syn::Type::Path(path) if path.path.is_ident("PollInterval")) => {}
            Item::Const(item) => self.inside(&item.ident, |inside| syn::visit::visit_item_const(inside, item)),
            Item::Static(item) => self.inside(&item.ident, |inside| syn::visit::visit_item_static(inside, item)),
            Item::Fn(item) => self.inside(&item.sig.ident, |inside| syn::visit::visit_item_fn(inside, item)),
            _ => syn::visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.inside(&item.sig.ident, |inside| syn::visit::visit_impl_item_fn(inside, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.inside(&item.ident, |inside| syn::visit::visit_impl_item_const(inside, item));
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if makes_duration(&call.func) && call.args.iter().all(is_number) {
            self.note();
        }
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        // A short name for it, under which its numbers would not be seen.
        let init = local.init.as_ref().filter(|_| matches!(local.pat, Pat::Ident(_)));
        if init.is_some_and(|init| makes_duration(&init.expr)) {
            self.note();
        }
        syn::visit::visit_local(self, local);
    }
}

fn in_sources(root: &Path) -> impl Iterator<Item = (String, String)> {
    let modules = sources(root)
        .into_iter()
        .filter(|(module, _)| !TABLES.iter().any(|table| module.starts_with(table)) && !module.contains("simulation"));
    modules.flat_map(|(module, text)| {
        let found = Durations::in_text(&text);
        found.into_iter().map(move |name| (module.clone(), name))
    })
}

#[test]
fn whoever_waits_goes_by_the_table() {
    let found: BTreeSet<(String, String)> = in_sources(&source("core/src"))
        .chain(in_sources(&source("src")))
        .collect();
    let others: BTreeSet<(String, String)> = OTHERS
        .iter()
        .map(|(module, name, _)| (module.to_string(), name.to_string()))
        .collect();
    let wrong: Vec<_> = found.difference(&others).collect();
    assert!(
        wrong.is_empty(),
        "a wait for somebody belongs into process::timeouts; an interval says so by its name ({INTERVALS:?}): {wrong:#?}"
    );
    let stale: Vec<_> = others.difference(&found).collect();
    assert!(stale.is_empty(), "listed here, and gone: {stale:?}");
}

#[test]
fn durations_are_found_wherever_they_stand() {
    let text = "const ANSWERS_WITHIN: Duration = Duration::from_secs(1);\n\
        const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(1);\n\
        const BOUND: Duration = timeouts::BOUND;\n\
        const PACE: Pace = Pace { all: Duration::from_secs(3 * 60) };\n\
        const LOOK: PollInterval = PollInterval::new(Duration::from_secs(1), EVERY);\n\
        fn waits() { timeout(Duration::from_secs(1), x) }\n\
        fn variable(seconds: u64) -> Duration { Duration::from_secs(seconds) }\n\
        impl T { const LIMIT: Duration = Duration::from_secs(2); fn short() { let s = Duration::from_secs; s(1); } }\n\
        #[cfg(test)] mod tests { const T: Duration = Duration::from_secs(1); }\n";
    assert_eq!(
        Durations::in_text(text).into_iter().collect::<Vec<_>>(),
        ["ANSWERS_WITHIN", "LIMIT", "PACE", "short", "waits"]
    );
}
