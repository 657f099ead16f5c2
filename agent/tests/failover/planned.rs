//! What people ask for: a hand-over, the end of a pod, the end of all.

use crate::pair::pods::{Pair, Plan};
use crate::pair::writer::{begin, end};
use crate::promtool;

#[test]
fn the_role_is_handed_over_to_and_fro() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    for (from, to) in [(0, 1), (1, 0)] {
        let (done, said) = pair.pod(from).agent(&["switchover"]);
        println!("{said}");
        assert!(done, "{said}\n{}", pair.report());
        // Whoever asked for it goes on at once.
        assert!(pair.is_writable(to), "{}", pair.report());
        pair.wait_in_sync(to);
    }
    for pod in 0..2 {
        assert!(
            !pair.pod(pod).has_said("pg_rewind: "),
            "who stopped in order follows as it is"
        );
    }
    end(&mut pair, &mut writer, 0);
    assert_eq!(pair.record().unwrap()["epoch"], 3);
    metrics_say_so(&mut pair);
}

/// The first pod has the role, and had it before; the second is in sync.
fn metrics_say_so(pair: &mut Pair) {
    let [one, two] = [0, 1].map(|number| pair.pod(number).metrics());
    let value = |text: &str, name: &str| -> Option<f64> {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().parse().ok()
    };
    for (name, in_one, in_two) in [
        ("gp_agent_failover_holder ", Some(1.0), Some(0.0)),
        ("gp_agent_failover_epoch ", Some(3.0), Some(3.0)),
        ("gp_agent_failover_total{kind=\"switchover\"}", Some(1.0), Some(1.0)),
        ("gp_agent_failover_fences_total ", Some(0.0), Some(0.0)),
        ("gp_agent_failover_possible ", None, Some(1.0)),
    ] {
        assert_eq!(value(&one, name), in_one, "{name}\n{one}");
        assert_eq!(value(&two, name), in_two, "{name}\n{two}");
    }
    let renewal = "gp_agent_failover_renewal_seconds ";
    assert!(value(&one, renewal).is_some_and(|seconds| seconds < 10.0), "{one}");
    assert_eq!(value(&two, renewal), None, "{two}");
    if promtool::is_there() {
        promtool::finds_nothing_wrong(&one);
        promtool::finds_nothing_wrong(&two);
    }
}

#[test]
fn a_coordinator_s_pod_that_ends_hands_over() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).ask_to_end();
    pair.wait_coordinator(1);
    pair.pod(0).wait_end();
    end(&mut pair, &mut writer, 1);
    pair.pod(0).start();
    pair.wait_in_sync(1);
    assert!(!pair.pod(0).has_said("pg_rewind: "), "it stopped in order");
}

#[test]
fn a_pod_that_is_to_keep_its_role_gets_it_back() {
    let plan = Plan {
        failover: ", onPodDelete: restart".into(),
        ..Plan::default()
    };
    let Some(mut pair) = Pair::start(&plan) else { return };
    pair.pod(0).ask_to_end();
    pair.pod(0).wait_end();
    pair.pod(0).start();
    pair.wait_in_sync(0);
    assert!(pair.is_writable(0) && !pair.is_writable(1));
}

#[test]
fn a_stop_of_everything_changes_no_role() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    let (done, said) = pair.pod(0).agent(&["switchover"]);
    assert!(done, "{said}\n{}", pair.report());
    pair.wait_in_sync(1);
    writer.finish();
    for _ in 0..2 {
        pair.pod(0).ask_to_end();
        pair.pod(1).ask_to_end();
        pair.pod(0).wait_end();
        pair.pod(1).wait_end();
        pair.pod(0).start();
        pair.pod(1).start();
        pair.wait_in_sync(1);
        assert!(pair.is_writable(1) && !pair.is_writable(0), "{}", pair.report());
    }
    writer.nothing_is_lost(pair.pod(1));
}

#[test]
fn both_pods_killed_at_once_change_no_role() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).kill();
    pair.pod(1).kill();
    writer.finish();
    pair.pod(0).start();
    pair.pod(1).start();
    pair.wait_in_sync(0);
    assert_eq!(pair.record().unwrap()["holder"]["pod"], "coordinator-0");
    writer.nothing_is_lost(pair.pod(0));
}
