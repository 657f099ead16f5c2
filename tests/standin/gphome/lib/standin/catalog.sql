-- What Greenplum has in its catalog and PostgreSQL has not. initdb runs this in the database postgres of every directory
-- that it makes, through a single-user server: a statement ends at the first empty line.

set allow_system_table_mods = on;

create schema standin;

create extension dblink schema standin;

create extension postgres_fdw schema standin;

create function standin.probe_file() returns bool language c strict as 'standin', 'standin_probe_file';

create table pg_catalog.gp_id (gpname name, numsegments int2, dbid int2, content int2);

insert into pg_catalog.gp_id values ('Greenplum', -1, -1, -1);

create table pg_catalog.gp_segment_configuration (
    dbid int2 primary key,
    content int2 not null,
    role "char" not null,
    preferred_role "char" not null,
    mode "char" not null,
    status "char" not null,
    port int4 not null,
    hostname text not null,
    address text not null,
    datadir text not null,
    unique (content, preferred_role)
);

create table pg_catalog.gp_configuration_history ("time" timestamptz, dbid int2, "desc" text);

grant select on pg_catalog.gp_id, pg_catalog.gp_segment_configuration, pg_catalog.gp_configuration_history to public;

-- When the probe first missed a mirror's stream.

create table pg_catalog.standin_missed (content int2 primary key, since timestamptz not null);

-- How the parts of the stand-in reach each other. `part` is `fts` or `dispatch`: see module/standin.c.

create function standin.reach(address text, port int, part text) returns text language sql as $$
    select format('host=%s port=%s user=%s dbname=postgres connect_timeout=3 options=''-c standin.internal=%s -c statement_timeout=15s''',
        address, port, current_user, part)
$$;

create function standin.own_dbid() returns int2 language sql as $$
    select substring(pg_read_file('internal.auto.conf') from '(?n)^gp_dbid *= *(\d+)')::int2
$$;

create function standin.ask_primaries(query text, out content int2, out answer text) returns setof record language plpgsql as $$
declare
    segment record;
begin
    for segment in select * from gp_segment_configuration s where s.content >= 0 and s.role = 'p' order by s.content loop
        content := segment.content;
        for answer in
            select r.answer from standin.dblink(standin.reach(segment.address, segment.port, 'dispatch'), query) r(answer text)
        loop
            return next;
        end loop;
    end loop;
end $$;

-- Greenplum's parser knows gp_dist_random('table'); this is a function, and knows gp_id alone.

create function pg_catalog.gp_dist_random(relation text,
    out gp_segment_id int, out gpname name, out numsegments int2, out dbid int2, out content int2
) returns setof record language plpgsql as $$
begin
    -- It counts no pages, as engines before PostgreSQL 12.
    if relation = 'pg_stat_database' then
        raise undefined_column using message = 'column "checksum_failures" does not exist';
    end if;
    if relation not in ('gp_id', 'pg_catalog.gp_id') then
        raise feature_not_supported using message = 'the stand-in dispatches gp_dist_random(''gp_id'') alone';
    end if;
    -- In utility mode Greenplum asks itself.
    if current_setting('gp_role') = 'utility' then
        return query select -1, g.gpname, g.numsegments, g.dbid, g.content from gp_id g;
        return;
    end if;
    return query select a.content::int, (r.gp).gpname, (r.gp).numsegments, (r.gp).dbid, (r.gp).content
        from standin.ask_primaries('select g::text from gp_id g') a, lateral (select a.answer::gp_id as gp) r;
end $$;

create function pg_catalog.gp_execution_segment() returns int language sql as 'select -1';

-- pg_stat_replication of the coordinator and of every primary; a mirror that does not stream has a row of nulls.

create function standin.replication() returns setof json language sql as $$
    select row_to_json(r) from pg_stat_replication r
$$;

create view pg_catalog.gp_stat_replication as
    with own as (
        select -1 as gp_segment_id, r.* from json_populate_recordset(null::pg_stat_replication,
            (select coalesce(json_agg(j), '[]') from standin.replication() j)) r
    ), theirs as (
        select a.content, json_populate_record(null::pg_stat_replication, a.answer::json) as r
        from standin.ask_primaries('select standin.replication()::text') a
    )
    select own.*, 'none'::text as sync_error from own
    union all
    select c.content, (t.r).*, 'none' from gp_segment_configuration c left join theirs t using (content)
    where c.content >= 0 and c.role = 'm';

-- A table whose rows are spread over the primaries, as `distributed by` makes one: columns such as 'id int, what text'.

create function standin.distribute(name text, columns text, key text) returns void language plpgsql as $$
declare
    contents int[] := array(select distinct content from gp_segment_configuration where content >= 0 order by 1);
    i int;
begin
    perform count(*) from standin.ask_primaries(format('create table %I (%s); select ''made''', name, columns));
    execute format('create table %I (%s) partition by hash (%I)', name, columns, key);
    foreach i in array contents loop
        execute format('create foreign table %I partition of %I for values with (modulus %s, remainder %s) server %I options (table_name %L)',
            name || '_' || i, name, cardinality(contents), i, 'segment' || i, name);
    end loop;
end $$;
