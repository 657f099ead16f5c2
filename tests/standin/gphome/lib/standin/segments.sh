# shellcheck shell=bash
# shellcheck disable=SC2029,SC2034,SC2153,SC2154
# How gpinitsystem makes primaries and mirrors, some at a time. Sourced by it.

# What a postgresql.conf gets. PostgreSQL refuses to read a parameter that it does not know, so gp_contentid is a comment.
configure_lines() {
    local port=$1 content=$2 additions=$3
    printf '%s\n' '#Greenplum specific configuration parameters' "port=$port" "listen_addresses='*'" "#gp_contentid=$content"
    [[ -z $additions ]] || grep -Ev '^\s*(#|$)' "$additions"
}

# The other half of the pair, by content id.
partner() {
    local wanted=$1 entry
    shift
    for entry in "$@"; do
        split "$entry"
        [[ $S_CONTENT != "$wanted" ]] || { echo "$entry" && return; }
    done
}

make_primary() {
    local mirror='' checksums='' pair
    split "$1"
    pair=$(partner "$S_CONTENT" "${MIRRORS[@]}")
    [[ -z $pair ]] || mirror=$(split "$pair" && echo "$S_ADDRESS")
    [[ $HEAP_CHECKSUM != on ]] || checksums=--data-checksums
    ssh "$S_ADDRESS" "$GPHOME/bin/initdb -E $ENCODING -D $S_DIR --locale=$LOCALE_SETTING --max_connections=150 $checksums" </dev/null || return 1
    backout "ssh $S_ADDRESS \"/bin/rm -rf $S_DIR\""
    configure_lines "$S_PORT" "$S_CONTENT" "$additions" | ssh "$S_ADDRESS" "cat - >>$S_DIR/postgresql.conf" || return 1
    ssh "$S_ADDRESS" "echo gp_dbid=$S_DBID >>$S_DIR/internal.auto.conf" </dev/null || return 1
    primary_hba "$S_ADDRESS" "$mirror" "$COORDINATOR_HOST" "$standby" | ssh "$S_ADDRESS" "cat - >>$S_DIR/pg_hba.conf"
}

# As Greenplum does it: whatever lies at the mirror's place is removed.
make_mirror() {
    local host dir port dbid primary primary_dir primary_port
    split "$1"
    host=$S_ADDRESS dir=$S_DIR port=$S_PORT dbid=$S_DBID
    split "$(partner "$S_CONTENT" "${PRIMARIES[@]}")"
    primary=$S_ADDRESS primary_dir=$S_DIR primary_port=$S_PORT
    log INFO "Running pg_basebackup to init mirror on $host using primary on $primary ..."
    replication_hba "$primary" "$host" | append_hba "$primary" "$primary_dir" || return 1
    ssh "$host" ". $GPHOME/greenplum_path.sh; rm -rf $dir; $GPHOME/bin/pg_basebackup --wal-method=stream --create-slot --slot=internal_wal_replication_slot \
        -R -c fast -E ./db_dumps -D $dir -h $primary -p $primary_port --target-gp-dbid $dbid" </dev/null || return 1
    start_on "$host" "$dir" "$port" execute
}

# One segment in the background; its outcome is a line of the status file.
make_one() {
    local kind=$1 entry=$2 number=$3 limit='' PROGRAM=gpcreateseg.sh TAG="[$3]" BACKOUT=/tmp/gpsegcreate.sh_backout.$BASHPID
    log INFO 'Start Main'
    ! fault "fail-after-$kind" || limit=$(fault_value "fail-after-$kind")
    if [[ -n $limit && $number -ge $limit ]] || ! "make_$kind" "$entry" >>"$LOG_FILE" 2>&1; then
        split "$entry"
        log FATAL "Failed to start segment instance database $S_ADDRESS $S_DIR"
        echo "FAILED:$entry" >>"$STATUS_FILE"
        return
    fi
    echo "COMPLETED:$entry" >>"$STATUS_FILE"
    log INFO 'End Main'
}

# Builds all segments of a kind, at most `batch` at a time.
build() {
    local kind=$1 number=0 round=1 completed failed
    shift
    STATUS_FILE=$(mktemp /tmp/gpinitsystem_parallel_status_file.XXXXXX)
    info "Commencing parallel build of $kind segment instances"
    info "Spawning parallel processes    batch [$round], please wait..."
    for entry in "$@"; do
        make_one "$kind" "$entry" "$number" &
        number=$((number + 1))
        if [[ $((number % batch)) -eq 0 && $number -lt $# ]]; then
            info "Waiting for parallel processes batch [$round], please wait..."
            wait
            round=$((round + 1))
            info "Spawning parallel processes    batch [$round], please wait..."
        fi
    done
    info "Waiting for parallel processes batch [$round], please wait..."
    wait
    completed=$(grep -c ^COMPLETED "$STATUS_FILE") failed=$(grep -c ^FAILED "$STATUS_FILE")
    rm -f "$STATUS_FILE"
    info '------------------------------------------------'
    info 'Parallel process exit status'
    info '------------------------------------------------'
    info "Total processes marked as completed           = $completed"
    info 'Total processes marked as killed              = 0'
    if [[ $failed -eq 0 ]]; then
        info 'Total processes marked as failed              = 0'
    else
        warn "Total processes marked as failed              = $failed <<<<<"
    fi
    info '------------------------------------------------'
    # Nobody looks whether mirrors failed; that they are not in sync is found later.
    [[ $kind == primary ]] || return 0
    if [[ $failed -ne 0 ]]; then
        log FATAL 'Errors generated from parallel processes' show
        info 'Dumped contents of status file to the log file'
        info 'Building composite backout file'
        cat /tmp/gpsegcreate.sh_backout.* >>"$BACKOUT"
        rm -f /tmp/gpsegcreate.sh_backout.*
        error_exit "Failures detected, see log file $LOG_FILE for more detail"
    fi
    info 'Deleting distributed backout files'
    rm -f /tmp/gpsegcreate.sh_backout.*
    info 'Removing back out file'
    info 'No errors generated from parallel processes'
}
