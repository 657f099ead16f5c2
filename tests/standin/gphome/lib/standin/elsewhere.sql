-- The catalog as other databases see it. In Greenplum it is shared; here it lives in the database postgres, and initdb runs this
-- in template1, from which databases are copied. Loaded like catalog.sql.

set allow_system_table_mods = on;

create schema standin;

create extension dblink schema standin;

create function standin.here() returns text language sql as $$
    select format('host=%s dbname=postgres user=%s port=%s options=''-c standin.internal=dispatch''',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_user, current_setting('port'))
$$;

create view pg_catalog.gp_segment_configuration as
    select * from standin.dblink(standin.here(), 'select * from gp_segment_configuration')
    r(dbid int2, content int2, role "char", preferred_role "char", mode "char", status "char", port int4, hostname text, address text, datadir text);

create view pg_catalog.gp_configuration_history as
    select * from standin.dblink(standin.here(), 'select * from gp_configuration_history') r("time" timestamptz, dbid int2, "desc" text);

create function pg_catalog.gp_request_fts_probe_scan() returns bool language sql as $$
    select done from standin.dblink(standin.here(), 'select gp_request_fts_probe_scan()') r(done bool)
$$;

create function pg_catalog.gp_dist_random(relation text,
    out gp_segment_id int, out gpname name, out numsegments int2, out dbid int2, out content int2
) returns setof record language sql as $$
    select * from standin.dblink(standin.here(), format('select * from gp_dist_random(%L)', relation))
        r(gp_segment_id int, gpname name, numsegments int2, dbid int2, content int2)
$$;

create view pg_catalog.gp_stat_replication as
    select * from standin.dblink(standin.here(), 'select * from gp_stat_replication')
    r(gp_segment_id int, pid int4, usesysid oid, usename name, application_name text, client_addr inet, client_hostname text,
      client_port int4, backend_start timestamptz, backend_xmin xid, state text, sent_lsn pg_lsn, write_lsn pg_lsn, flush_lsn pg_lsn,
      replay_lsn pg_lsn, write_lag interval, flush_lag interval, replay_lag interval, sync_priority int4, sync_state text,
      reply_time timestamptz, sync_error text);

create table pg_catalog.gp_id (gpname name, numsegments int2, dbid int2, content int2);

insert into pg_catalog.gp_id values ('Greenplum', -1, -1, -1);

grant select on pg_catalog.gp_id to public;
