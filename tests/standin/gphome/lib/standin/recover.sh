# shellcheck shell=bash
# Making one mirror of what the catalog lists as down. Sourced by gprecoverseg and gpaddmirrors.

# Prints why a segment is not back.
cannot() {
    warn "$1"
    return 1
}

rewind() {
    local host=$1 dir=$2 dbid=$3 primary=$4 primary_port=$5
    # pg_rewind reads the source's timeline from pg_control, where the checkpoint after a promotion writes it.
    remote "$primary" "PGOPTIONS='-c gp_role=utility' psql -p $primary_port -d postgres -Xqc checkpoint" >>"$LOG_FILE" 2>&1 || return 1
    remote "$host" "cp $dir/internal.auto.conf /tmp/internal.auto.conf.$dbid && \
        \$GPHOME/bin/pg_rewind -R -D $dir --source-server=\"host=$primary port=$primary_port user=$USER_NAME dbname=postgres application_name=gp_walreceiver options='-c gp_role=utility'\" && \
        mv /tmp/internal.auto.conf.$dbid $dir/internal.auto.conf && \
        echo \"primary_slot_name = 'internal_wal_replication_slot'\" >>$dir/postgresql.auto.conf" >>"$LOG_FILE" 2>&1
}

copy() {
    local host=$1 dir=$2 dbid=$3 primary=$4 primary_port=$5
    remote "$host" "\$GPHOME/bin/pg_basebackup --wal-method=stream --slot=internal_wal_replication_slot -R -c fast --force-overwrite \
        -D $dir -h $primary -p $primary_port --target-gp-dbid $dbid" >>"$LOG_FILE" 2>&1
}

# One segment: content, dbid, host, port, directory; copied where `full` says so.
recover() {
    local content=$1 dbid=$2 host=$3 port=$4 dir=$5 primary primary_port primary_dir
    IFS='|' read -r primary primary_port primary_dir < <(catalog "select hostname, port, datadir from gp_segment_configuration
        where content = $content and role = 'p' and status = 'u'")
    [[ -n $primary ]] || cannot "Both segments for content $content are down" || return 1
    info 'Ensuring 1 failed segment(s) are stopped'
    stop_on "$host" "$dir" fast || cannot "Unable to stop what runs on $host:$dir" || return 1
    replication_hba "$primary" "$host" | append_hba "$primary" "$primary_dir" || return 1
    remote "$primary" "PGOPTIONS='-c gp_role=utility' psql -p $primary_port -d postgres -Xqc \"select pg_create_physical_replication_slot('internal_wal_replication_slot')
        where not exists (select from pg_replication_slots where slot_name = 'internal_wal_replication_slot')\"" >>"$LOG_FILE" 2>&1 || return 1
    info 'Updating mirrors'
    if [[ -n ${full:-} ]]; then
        copy "$host" "$dir" "$dbid" "$primary" "$primary_port" || cannot "Full recovery failed for dbid $dbid" || return 1
    else
        info 'Running pg_rewind on required mirrors'
        rewind "$host" "$dir" "$dbid" "$primary" "$primary_port" ||
            cannot "Incremental recovery failed for dbid $dbid. You must use gprecoverseg -F to recover the segment." || return 1
    fi
    info 'Starting mirrors'
    start_on "$host" "$dir" "$port" execute || cannot "Unable to start $host:$dir"
}
