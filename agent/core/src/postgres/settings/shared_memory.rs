//! Which parameters say how much shared memory a server takes at its start, or how it takes it.

/// Those of PostgreSQL 13 to 18 (`CalculateShmemSize` in ipci.c, `InitializeMaxBackends` in postinit.c, sysv_shmem.c,
/// dsm_impl.c), and of Greenplum 6 and 7.
const PARAMETERS: &[&str] = &[
    "autovacuum_max_workers",
    "autovacuum_worker_slots",
    "commit_timestamp_buffers",
    "dynamic_shared_memory_type",
    "gp_enable_query_metrics",
    "gp_instrument_shmem_size",
    "gp_workfile_max_entries",
    "huge_page_size",
    "huge_pages",
    "io_max_concurrency",
    "max_appendonly_tables",
    "max_connections",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_resource_portals_per_transaction",
    "max_resource_queues",
    "max_wal_senders",
    "max_worker_processes",
    "min_dynamic_shared_memory",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "pg_stat_statements.max",
    "serializable_buffers",
    "shared_buffers",
    "shared_memory_type",
    // A library may ask for any amount.
    "shared_preload_libraries",
    "subtransaction_buffers",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transaction_buffers",
    "wal_buffers",
];

/// Whether a want of shared memory can be the fault of `name`.
pub(super) fn takes_shared_memory(name: &str) -> bool {
    PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_names_are_compared_as_the_server_does() {
        assert!(PARAMETERS.is_sorted());
        assert!(takes_shared_memory("Shared_Buffers") && !takes_shared_memory("work_mem"));
    }
}
