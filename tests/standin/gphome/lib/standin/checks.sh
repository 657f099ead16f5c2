# shellcheck shell=bash
# shellcheck disable=SC2029,SC2034,SC2153,SC2154
# What gpinitsystem looks at before it makes anything; with -I that is not much. Sourced by it.

# Takes an entry apart: hostname~address~port~datadir~dbid~content.
split() {
    local separator='~'
    [[ $1 == *~* ]] || separator=:
    IFS=$separator read -r S_HOST S_ADDRESS S_PORT S_DIR S_DBID S_CONTENT _ <<<"$1"
    # Greenplum 6 also takes host~port~datadir~dbid~content.
    if [[ $FAMILY == G6 && -z $S_CONTENT ]]; then
        IFS=$separator read -r S_HOST S_PORT S_DIR S_DBID S_CONTENT <<<"$1"
        S_ADDRESS=$S_HOST
    fi
}

ping_host() {
    local said code=0
    said=$(ping -c 1 "$1" 2>&1) || code=$?
    case $code in
        0) log INFO "$1 contact established" ;;
        2) error_exit "Unknown host $1: $said" ;;
        *) error_exit "Unable to contact $1: $said" ;;
    esac
}

check_open_files() {
    local limit
    limit=$(ssh "$1" ulimit -n </dev/null) || limit=0
    [[ $limit == unlimited || $limit -ge 65535 ]] || warn "Host $1 open files limit is $limit should be >= 65535"
}

check_locale() {
    local known
    known=$(ssh "$1" locale -a </dev/null | grep -icF -- "$LOCALE_SETTING")
    if [[ $known -eq 0 ]]; then
        log FATAL "Unable to locate locale value $LOCALE_SETTING on $1" show
        info 'Select another locale value via -n option to this utility'
        error_exit 'Unable to continue'
    fi
}

check_version() {
    local theirs
    theirs=$(ssh "$1" "export GPHOME=$GPHOME; $GPHOME/bin/postgres --gp-version" </dev/null) || warn " Failed to obtain postgres version on $1"
    if [[ $theirs != "$GP_VERSION" ]]; then
        warn "Postgres version does not match. [$GP_VERSION != $theirs]"
        error_exit 'Postgres version does not match'
    fi
}

check_parent() {
    local parent
    parent=$(dirname "$2")
    ssh "$1" "touch $parent/tmp_file_test && rm -f $parent/tmp_file_test" </dev/null || error_exit "Cannot write to $parent on $1 "
}

check_parameters() {
    info 'Checking configuration parameters, please wait...'
    [[ $USER_NAME != root ]] || error_exit 'Unable to run this script as root'
    [[ -n $input ]] || error_exit 'At least one of two options, [-c] or [-I], is required.'
    [[ -z $additions || -s $additions ]] || error_exit "Issue with postgres additions file $additions"
    MIRRORS=() PRIMARIES=()
    read_input
    split "$QD_PRIMARY_ARRAY"
    check_locale "$S_ADDRESS"
    local mark=/tmp/hostname_test_file.$$
    ssh "$S_ADDRESS" touch "$mark" </dev/null
    [[ -f $mark ]] || error_exit "$COORDINATOR hostname in gpinitsystem configuration file must be $S_ADDRESS"
    rm -f "$mark"
    [[ $(basename "$S_DIR") == *-1 ]] || error_exit 'SEG_PREFIX not specified in file, is this the correct instance configuration file.'
    touch "$(dirname "$S_DIR")/tmp_file_test" || error_exit "Cannot write to $(dirname "$S_DIR") on ${COORDINATOR,,} host "
    rm -f "$(dirname "$S_DIR")/tmp_file_test"
    [[ ! -d $S_DIR ]] || error_exit "$COORDINATOR host data directory $S_DIR already exists"
    [[ ${#PRIMARIES[@]} -gt 0 ]] || error_exit 'Number of primary directories 0 (zero)'
    [[ ${#MIRRORS[@]} -eq 0 || ${#MIRRORS[@]} -eq ${#PRIMARIES[@]} ]] ||
        error_exit 'Problem with configuration file. Cannot specify different number of primary and mirror segments.'
    [[ -n ${DATABASE_NAME:-} ]] || info 'No DATABASE_NAME set, will exit following template1 updates'
    [[ $(ulimit -n) == unlimited || $(ulimit -n) -ge 65535 ]] || warn "$COORDINATOR open file limit is $(ulimit -n) should be >= 65535"
    check_parents
    info 'Checking configuration parameters, Completed'
}

# The lowest and the highest port of some entries.
port_range() {
    local entry
    for entry in "$@"; do
        split "$entry"
        echo "$S_PORT"
    done | sort -n | sed -n '1p;$p' | tr '\n' ' '
}

# The folders in which some entries have their directories.
parents() {
    local entry
    for entry in "$@"; do
        split "$entry"
        dirname "$S_DIR"
    done | sort -u
}

check_parents() {
    local shared
    shared=$(comm -12 <(parents "${PRIMARIES[@]}") <(parents "${MIRRORS[@]}") | head -n 1)
    [[ -z $shared ]] || error_exit "Conflict between data directory and mirror data directory ($shared)."
}

overlap() { [[ $1 -le $4 && $3 -le $2 ]]; }

check_port_ranges() {
    local coordinator primaries mirrors
    coordinator=$(port_range "$QD_PRIMARY_ARRAY") primaries=$(port_range "${PRIMARIES[@]}") mirrors=$(port_range "${MIRRORS[@]}")
    # shellcheck disable=SC2086
    ! overlap $coordinator $primaries || error_exit "${COORDINATOR^^}_PORT overlaps with PORT_BASE."
    [[ -n $mirrors ]] || return 0
    # shellcheck disable=SC2086
    ! overlap $coordinator $mirrors || error_exit "${COORDINATOR^^}_PORT overlaps with MIRROR_PORT_BASE."
    # shellcheck disable=SC2086
    ! overlap $primaries $mirrors || error_exit 'PORT_BASE AND MIRROR_PORT_BASE define overlapping ranges.'
}

check_hosts() {
    local entry
    info "Checking $COORDINATOR host"
    split "$QD_PRIMARY_ARRAY"
    [[ ! -e /tmp/.s.PGSQL.$S_PORT.lock ]] || error_exit "Found indication of postmaster process on port $S_PORT on $COORDINATOR host"
    info 'Checking new segment hosts, please wait...'
    for entry in "${PRIMARIES[@]}" "${MIRRORS[@]}"; do
        split "$entry"
        check_locale "$S_ADDRESS"
        check_open_files "$S_ADDRESS"
        check_version "$S_ADDRESS"
        check_parent "$S_ADDRESS" "$S_DIR"
    done
    if [[ -n $standby ]]; then
        ping_host "$standby"
        check_locale "$standby"
        split "$QD_PRIMARY_ARRAY"
        ssh "$standby" test -d "$(dirname "$S_DIR")" </dev/null || error_exit "Standby host directory $(dirname "$S_DIR"), does not exist"
    fi
    info 'Checking new segment hosts, Completed'
}
