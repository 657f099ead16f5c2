-- Names of Greenplum 6, which PostgreSQL 10 changed. Loaded like catalog.sql, in every database.

set allow_system_table_mods = on;

create function pg_catalog.pg_current_xlog_location() returns pg_lsn language sql as 'select pg_current_wal_lsn()';

create function pg_catalog.pg_xlogfile_name(location pg_lsn) returns text language sql as 'select pg_walfile_name(location)';

create function pg_catalog.pg_xlog_location_diff(one pg_lsn, other pg_lsn) returns numeric language sql as 'select pg_wal_lsn_diff(one, other)';

do $$
begin
    execute format('create or replace view pg_catalog.pg_stat_replication as select d.*, d.sent_lsn as sent_location,
        d.write_lsn as write_location, d.flush_lsn as flush_location, d.replay_lsn as replay_location from (%s) d',
        rtrim(pg_get_viewdef('pg_catalog.pg_stat_replication'::regclass), ';'));
end $$;
