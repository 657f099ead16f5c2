# shellcheck shell=bash
# Docker's engine: which one, and that it answers. Sourced by lib.sh, never run.

docker_() { "${DOCKER[@]}" "$@"; }
engine_answers() { docker_ version --format '{{.Server.Version}}' >/dev/null 2>&1; }

wait_for_engine() {
    local _
    for _ in $(seq 100); do
        if engine_answers; then
            return 0
        fi
        sleep 0.3
    done
    return 1
}

start_engine() {
    local log=/var/log/dockerd.log
    if [[ -d /run/systemd/system ]]; then
        step "starting Docker's engine (systemctl start docker)"
        as_root systemctl start docker || die "systemctl start docker failed; see: journalctl -u docker"
        wait_for_engine || die "Docker's engine was started and does not answer; see: journalctl -u docker"
        return
    fi
    # Without systemd, in the background and in a session of its own, so that it outlives this script.
    step "starting Docker's engine (dockerd, log: $log)"
    # shellcheck disable=SC2016
    as_root bash -c 'cd / && setsid dockerd >>"$1" 2>&1 </dev/null &' _ "$log"
    wait_for_engine || {
        as_root tail -n 20 "$log" >&2
        die "dockerd does not answer; its log is $log"
    }
}

# Leaves DOCKER set so that the engine answers, if it does. Where somebody has chosen an engine, no other one is asked: its
# containers and volumes would have the same names.
find_engine() {
    local context
    engine_answers && return
    context=$(docker context show 2>/dev/null || echo default)
    if [[ -n ${DOCKER_HOST:-} ]]; then
        die "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST; start it, or unset DOCKER_HOST"
    elif [[ -n ${DOCKER_CONTEXT:-} || $context != default ]]; then
        die "no Docker engine answers in the context ${DOCKER_CONTEXT:-$context}; start it, or docker context use default"
    elif [[ $EUID -ne 0 ]] && command -v sudo >/dev/null; then
        # Either nobody answers, or this user may not ask.
        DOCKER=(sudo docker)
    fi
}

# Leaves a Docker engine that answers, and DOCKER set to the way of talking to it.
need_docker() {
    if ! command -v docker >/dev/null; then
        # Debian 13 has the client in a package of its own.
        apt_update docker.io
        if apt-cache show docker-cli >/dev/null 2>&1; then
            install_packages docker.io docker-cli
        else
            install_packages docker.io
        fi
        hash -r
    fi
    find_engine
    if ! engine_answers; then
        if ! command -v dockerd >/dev/null && ! [[ -d /run/systemd/system ]]; then
            install_packages docker.io
        fi
        start_engine
    fi
    export GP_DOCKER="${DOCKER[*]}"
}
