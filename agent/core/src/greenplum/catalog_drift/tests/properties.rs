use super::*;
use proptest::prelude::*;

proptest! {
    /// Whatever pods and catalog say, every contradiction is shown with a pod of the topology, on one line.
    #[test]
    fn no_state_is_too_strange(
        roles in proptest::collection::vec((0usize..5, 0usize..12, 0usize..5), 4),
        rows in proptest::collection::vec("[0-9]\\|(-1|0|1)\\|[pm]\\|[pm]\\|[sn]\\|[ud]\\|(5432|40000|50000)\\|(coordinator-[01]|segment-[ab]-0|x)\\.gp\\|h\\|/g", 0..6),
        live: bool,
    ) {
        let mut catalog = catalog(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        catalog.live = live;
        let topology = topology();
        let mut entries = entries(statuses(&topology));
        let kinds = ["absent", "primary", "standby", "half-made", ""];
        let active = [None, Some(Role::Coordinator), Some(Role::Standby), Some(Role::Primary), Some(Role::Mirror)];
        for (entry, (role, phase, kind)) in entries.iter_mut().zip(&roles) {
            let status = &mut entry.status.as_mut().unwrap().status;
            status.active_role = active[*role];
            status.phase = Phase::ALL[*phase];
            status.directory.kind = kinds[*kind].into();
        }
        annotate(&mut entries, &topology, &catalog);
        let found = find(&entries, &topology, &catalog, &catalog.pairing(&topology));
        prop_assert!(found.iter().all(|c| topology.member(&c.pod).is_some()));
        prop_assert!(found.iter().all(|c| !c.finding.to_string().contains('\n')));
        let shown: usize = entries.iter().map(|e| e.contradictions.len()).sum();
        prop_assert_eq!(shown, found.len());
    }
}
