# shellcheck shell=bash
# What the tools share: log lines, remote commands, the catalog, starting and stopping. Sourced by every tool in bin.
# shellcheck source=tests/standin/gphome/lib/standin/family.sh
source "$(dirname "${BASH_SOURCE[0]}")/family.sh"

PROGRAM=$(basename "$0")
USER_NAME=$(id -un)
LOG_DIR=${LOG_DIR:-$HOME/gpAdminLogs}
LOG_FILE=$LOG_DIR/${PROGRAM}_$(date +%Y%m%d).log
QUIET=''
# `[2]` in the lines of gpinitsystem's third parallel process.
TAG=''
# Whether a line was a warning, or fatal: Greenplum 6 ends with another exit code then.
EXIT_STATUS=0
mkdir -p "$LOG_DIR"
export GPHOME=$HOME_OF_STANDIN PGHOST=${PGHOST:-/tmp}

# Writes a line to the log file; with `show` also to standard output.
log() {
    local level=$1 text=$2 show=${3:-} line
    printf -v line '%s:%06d %s:%s:%s-[%s]%s:-%s' "$(date +%Y%m%d:%H:%M:%S)" "$BASHPID" "$PROGRAM" "$(hostname | cut -d. -f1)" "$USER_NAME" "$level" "$TAG" "$text"
    echo "$line" >>"$LOG_FILE"
    [[ -z $show || -n $QUIET ]] || echo "$line"
    case $FAMILY,$level in
        G6,WARN) [[ $EXIT_STATUS -ne 0 ]] || EXIT_STATUS=1 ;;
        G6,FATAL) EXIT_STATUS=2 ;;
        *,FATAL) EXIT_STATUS=1 ;;
    esac
}
info() { log INFO "$1" show; }
warn() { log WARN "$1" show; }

# Greenplum's words for the first of all segments.
lower_coordinator() { echo "${COORDINATOR,,}"; }

# Runs a command on a host the way the Python tools do.
remote() {
    local host=$1
    shift
    ssh -o StrictHostKeyChecking=no -o ServerAliveInterval=60 "$host" ". $GPHOME/greenplum_path.sh; $*" </dev/null
}

# The directory of the coordinator, from -d or the environment; ends the tool when there is none.
coordinator_dir() {
    local dir=${1:-${COORDINATOR_DATA_DIRECTORY:-${MASTER_DATA_DIRECTORY:-}}}
    if [[ -z $dir ]]; then
        log FATAL "${COORDINATOR^^}_DATA_DIRECTORY is not set" show
        exit 2
    fi
    echo "$dir"
}

# The port in a directory's postgresql.conf, the last one said.
port_of() { sed -nE 's/^ *port *= *([0-9]+).*/\1/p' "$1/postgresql.conf" | tail -n 1; }

# SQL against the coordinator as a utility, columns separated by `|`.
catalog() { PGOPTIONS='-c gp_role=utility' psql -p "$PGPORT" -d postgres -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>>"$LOG_FILE"; }

# SQL as a client sends it.
dispatched() { PGOPTIONS='' psql -p "$PGPORT" -d postgres -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>>"$LOG_FILE"; }

# Whether a postmaster runs on a directory of this host.
runs_here() { pg_ctl status -D "$1" >/dev/null 2>&1; }

# pg_ctl's arguments that start a directory in a role: dispatch, execute or utility.
start_options() {
    local dir=$1 port=$2 role=$3 options
    case $FAMILY,$role in
        G6,dispatch) options="-p $port -E" ;;
        G6,execute) options="-p $port" ;;
        *) options="-p $port -c gp_role=$role" ;;
    esac
    printf '%s' "-w -t 600 -l $dir/$LOG_FOLDER/startup.log -D $dir -o \" $options \""
}

start_here() { eval "pg_ctl start $(start_options "$@")" >>"$LOG_FILE" 2>&1; }
start_on() { remote "$1" "\$GPHOME/bin/pg_ctl start $(start_options "$2" "$3" "$4")" >>"$LOG_FILE" 2>&1; }

# Stops what runs on a directory of a host; nothing to stop is no failure.
stop_on() {
    local host=$1 dir=$2 mode=$3
    remote "$host" "if \$GPHOME/bin/pg_ctl status -D $dir >/dev/null 2>&1; then \$GPHOME/bin/pg_ctl stop -w -t 120 -m $mode -D $dir; fi" >>"$LOG_FILE" 2>&1
}

# Asks the fault tolerance server until every mirror is up and in sync, so many times at most.
wait_in_sync() {
    local left bad
    for ((left = $1; left > 0; left--)); do
        bad=$(dispatched "select count(*) from gp_segment_configuration where (mode = 'n' or status = 'd') and content >= 0") || bad=1
        [[ $bad != 0 ]] || return 0
        dispatched 'select gp_request_fts_probe_scan()' >>"$LOG_FILE" || true
        sleep 0.2
    done
    return 1
}

# Whether a test switched a fault on, and for this run.
fault() { [[ -e $SWITCHES/$1 ]]; }
fault_value() { cat "$SWITCHES/$1"; }

# A test may stop a tool at a point, to be able to do something there.
pause_point() {
    while fault "pause-$1"; do
        sleep 0.1
    done
}
