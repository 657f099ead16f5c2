-- The fault tolerance server, in the coordinator: probes primaries, marks mirrors, promotes them. Loaded like catalog.sql.

set allow_system_table_mods = on;

-- Where the foreign tables of standin.distribute find their segment.

create function standin.point_servers() returns void language plpgsql as $$
declare
    segment record;
    server text;
begin
    for segment in select * from gp_segment_configuration where content >= 0 and role = 'p' loop
        server := 'segment' || segment.content;
        if not exists (select from pg_foreign_server where srvname = server) then
            execute format('create server %I foreign data wrapper postgres_fdw options (host %L, port %L, dbname ''postgres'', options ''-c standin.internal=dispatch'')',
                server, segment.address, segment.port);
            execute format('create user mapping for public server %I options (user %L, password_required ''false'')', server, current_user);
        else
            execute format('alter server %I options (set host %L, set port %L)', server, segment.address, segment.port);
        end if;
    end loop;
end $$;

create function standin.mark(segment gp_segment_configuration, new_role "char", new_mode "char", new_status "char") returns void
language plpgsql as $$
begin
    if (segment.role, segment.mode, segment.status) = (new_role, new_mode, new_status) then
        return;
    end if;
    update gp_segment_configuration set role = new_role, mode = new_mode, status = new_status where dbid = segment.dbid;
    insert into gp_configuration_history values (now(), segment.dbid,
        format('FTS: update role, status, and mode for dbid %s with contentid %s to %s, %s, and %s',
            segment.dbid, segment.content, new_role, new_status, new_mode));
    raise log 'FTS: content % dbid % is now role %, mode %, status %', segment.content, segment.dbid, new_role, new_mode, new_status;
end $$;

-- What a primary says of itself: streams to its mirror, waits for it when it commits. Null: it did not answer, after five more tries.

create function standin.probe_primary(segment gp_segment_configuration, out streams bool, out waits bool) language plpgsql as $$
declare
    refused int := 0;
    recovering int := 0;
begin
    loop
        begin
            select * into strict streams, waits from standin.dblink(standin.reach(segment.address, segment.port, 'fts'), $q$
                select exists (select from pg_stat_replication where application_name = 'gp_walreceiver' and state = 'streaming'),
                    current_setting('synchronous_standby_names') <> ''
                where standin.probe_file() and not pg_is_in_recovery()
            $q$) r(streams bool, waits bool);
            return;
        exception when others then
            -- One that starts or recovers is alive.
            if sqlerrm ~ 'starting up|recovery mode|not yet accepting' then
                recovering := recovering + 1;
            else
                refused := refused + 1;
            end if;
            if refused > 5 or recovering > 60 then
                raise log 'FTS: content % dbid % does not answer: %', segment.content, segment.dbid, sqlerrm;
                return;
            end if;
        end;
        perform pg_sleep(1);
    end loop;
end $$;

create function standin.set_waiting(segment gp_segment_configuration, names text) returns void language plpgsql as $$
begin
    perform * from standin.dblink(standin.reach(segment.address, segment.port, 'fts'),
        format('alter system set synchronous_standby_names = %L', names)) r(done text);
    perform * from standin.dblink(standin.reach(segment.address, segment.port, 'fts'), 'select pg_reload_conf()') r(done bool);
end $$;

create function standin.promote(old gp_segment_configuration, new gp_segment_configuration) returns void language plpgsql as $$
begin
    perform standin.set_waiting(new, '');
    perform * from standin.dblink(standin.reach(new.address, new.port, 'fts'), $q$
        select case when pg_is_in_recovery() then pg_promote(true, 10) else true end
    $q$) r(done bool);
    perform * from standin.dblink(standin.reach(new.address, new.port, 'fts'), $q$
        select pg_create_physical_replication_slot('internal_wal_replication_slot')::text
        where not exists (select from pg_replication_slots where slot_name = 'internal_wal_replication_slot')
    $q$) r(made text);
    -- In this order, for a moment two primaries and no mirror.
    perform standin.mark(new, 'p', 'n', 'u'), standin.mark(old, 'm', 'n', 'd');
exception when others then
    raise log 'FTS: content % dbid % cannot be promoted: %', new.content, new.dbid, sqlerrm;
end $$;

create function standin.scan_content(wanted int) returns void language plpgsql as $$
declare
    p gp_segment_configuration;
    m gp_segment_configuration;
    seen record;
    gone_since timestamptz;
begin
    select * into strict p from gp_segment_configuration where content = wanted and role = 'p';
    select * into m from gp_segment_configuration where content = wanted and role = 'm';
    if not found then
        return;
    end if;
    seen := standin.probe_primary(p);
    if seen.streams is null then
        if m.status = 'u' and m.mode = 's' then
            perform standin.promote(p, m);
        else
            raise warning 'FTS double fault detected (content=%) primary dbid=%, mirror dbid=%', wanted, p.dbid, m.dbid;
        end if;
    elsif seen.streams then
        delete from pg_catalog.standin_missed where content = wanted;
        if not seen.waits then
            perform standin.set_waiting(p, '*');
        end if;
        perform standin.mark(p, 'p', 's', 'u'), standin.mark(m, 'm', 's', 'u');
    else
        insert into pg_catalog.standin_missed values (wanted, clock_timestamp()) on conflict do nothing;
        select since into gone_since from pg_catalog.standin_missed where content = wanted;
        -- gp_fts_mark_mirror_down_grace_period; one that never streamed has no grace.
        if m.mode = 'n' or clock_timestamp() > gone_since + interval '30 s' then
            if seen.waits then
                perform standin.set_waiting(p, '');
            end if;
            perform standin.mark(p, 'p', 'n', 'u'), standin.mark(m, 'm', 'n', 'd');
        end if;
    end if;
end $$;

-- True when nothing has to be looked at again soon.

create function standin.fts_scan() returns bool language plpgsql as $$
declare
    c int;
begin
    -- One scan at a time.
    perform pg_advisory_xact_lock(57);
    for c in select distinct content from gp_segment_configuration where content >= 0 order by 1 loop
        perform standin.scan_content(c);
    end loop;
    perform standin.point_servers();
    return not exists (select from pg_catalog.standin_missed join gp_segment_configuration s using (content) where s.role = 'm' and s.status = 'u');
end $$;

create function pg_catalog.gp_request_fts_probe_scan() returns bool language sql as 'select standin.fts_scan() is not null';

-- Stands for the recovery of distributed transactions, before which the coordinator refuses SQL.

create function standin.segments_answer() returns bool language plpgsql as $$
begin
    perform count(*) from standin.ask_primaries('select 1');
    return true;
exception when others then
    raise log 'DTM: waiting for the segments: %', sqlerrm;
    return false;
end $$;

-- A standby that was promoted takes the coordinator's place in the catalog by itself.

create function standin.settle_activation() returns bool language plpgsql as $$
declare
    own int := standin.own_dbid();
begin
    if exists (select from gp_segment_configuration where dbid = own and content = -1 and role = 'm') then
        delete from gp_segment_configuration where content = -1 and dbid <> own;
        update gp_segment_configuration set role = 'p', preferred_role = 'p', mode = 'n', status = 'u' where dbid = own;
        insert into gp_configuration_history values (now(), own, 'the standby was activated');
    end if;
    return true;
end $$;
