# shellcheck shell=bash
# Which Greenplum this pretends to be, and which PostgreSQL is underneath. Sourced by everything in bin.

HOME_OF_STANDIN=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Where a test says what is to go wrong; see the README. Remote commands have no environment, so it is a fixed place.
SWITCHES=${STANDIN_DIR:-/etc/standin}
FAMILY=$(cat "$SWITCHES/family" 2>/dev/null || echo "${STANDIN_FAMILY:-G7}")
PG_BIN=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)

case $FAMILY in
    G6) GP_VERSION='postgres (Greenplum Database) 6.27.1 build commit:stand-in' LOG_FOLDER=pg_log COORDINATOR=Master ;;
    G7) GP_VERSION='postgres (Greenplum Database) 7.1.0 build commit:stand-in' LOG_FOLDER=log COORDINATOR=Coordinator ;;
    CB) GP_VERSION='postgres (Apache Cloudberry) 2.0.0 build commit:stand-in' LOG_FOLDER=log COORDINATOR=Coordinator ;;
    *)
        echo "stand-in: $SWITCHES/family says '$FAMILY'; it has to be G6, G7 or CB" >&2
        exit 1
        ;;
esac
export HOME_OF_STANDIN SWITCHES FAMILY PG_BIN GP_VERSION LOG_FOLDER COORDINATOR
