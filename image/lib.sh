# shellcheck shell=bash
# What image/up, image/down, image/build-binary, tests/run and tests/bench share. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/image/.build
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/gp-agent

# The image and what it is built from; each may be set in the environment.
export GP_IMAGE=${GP_IMAGE:-gp-agent:local}
BASE_IMAGE=${BASE_IMAGE:-debian:bookworm-slim}
ENGINE=${ENGINE:-postgres}
# Where Greenplum is: in the base image, or mounted. The packages that a mounted one needs.
GP_HOME=
EXTRA_PACKAGES=${EXTRA_PACKAGES:-}
# The balancer's of the local cluster: Debian whatever the pods have, or an image with HAProxy in it.
BALANCER_BASE_IMAGE=${BALANCER_BASE_IMAGE:-debian:bookworm-slim}

say() { printf '%s\n' "$*" >&2; }
step() { printf '==> %s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# One line that is written over on a terminal, and once for each new text elsewhere.
on_line=
progress() {
    if [[ -t 2 ]]; then
        printf '\r\033[K    %.*s' "$((${COLUMNS:-$(tput cols 2>/dev/null || echo 80)} - 5))" "$1" >&2
        on_line=yes
    elif [[ $1 != "${last_progress:-}" ]]; then
        printf '    %s\n' "$1" >&2
        last_progress=$1
    fi
}

end_progress() {
    [[ -z $on_line ]] || printf '\n' >&2
    on_line=
}

# Runs a command as root.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "'$*' needs root; run this as root or install sudo"
    fi
}

# Runs a command without the caller's terminal, printing its output only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ $status -ne 0 ]]; then
        tail -n 40 "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

apt_updated=
apt_update() {
    if [[ -z $apt_updated ]]; then
        command -v apt-get >/dev/null || die "packages are missing and apt-get is not there; install them by hand: $*"
        step "apt-get update"
        quietly as_root apt-get update || die "apt-get update failed (see above)"
        apt_updated=yes
    fi
}

# Installs those of the packages that are not installed.
install_packages() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *"ok installed" ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    apt_update "${missing[@]}"
    step "installing ${missing[*]}"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install: ${missing[*]}"
}

# Installs a package when a command is missing.
need_command() {
    local command=$1
    shift
    command -v "$command" >/dev/null || install_packages "$@"
    hash -r
}

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# Written by gp-agent while it installs a package; remove it when nothing is being installed.'

# Keeps packages from starting their services until this shell ends (policy-rc.d of invoke-rc.d(8)). A policy of somebody
# else stays as it is; one that a killed script of ours left is taken away too.
start_no_services() {
    if [[ -e $POLICY ]] && ! grep -qxF "$POLICY_MARK" "$POLICY"; then
        return 0
    fi
    trap 'as_root rm -f "$POLICY"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | as_root tee "$POLICY" >/dev/null
    as_root chmod 0755 "$POLICY"
}

# Installs a package whose server must not run here, neither now nor after the next boot.
install_without_starting() {
    local package=$1 service=$2
    # In a shell of its own, whose end takes the policy away however it comes: apt-get fails, or somebody presses Ctrl-C.
    (
        start_no_services
        install_packages "$package"
    )
    if command -v systemctl >/dev/null; then
        quietly as_root systemctl disable "$service" || true
    fi
}

# Leaves cargo in PATH, and a linker.
need_rust() {
    if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then
        # rustup's place, for shells that have not read its profile.
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || die "cargo is not there; install Rust from https://rustup.rs"
    need_command cc gcc
    [[ -e /usr/include/stdlib.h ]] || install_packages libc6-dev
}

# docker, through sudo where this user may not talk to the engine.
DOCKER=(docker)
# A subcommand of cargo in that version, kept in the cache. As a wheel it is there within seconds; built, in minutes.
need_cargo_tool() {
    local tool=$1 version=$2 dir=$CACHE/$1-$2
    if [[ ! -x $dir/bin/$tool ]]; then
        step "installing $tool $version"
        need_command python3 python3
        python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
        quietly python3 -m pip install --no-deps --target "$dir" "astral-dev-toolchain-$tool==$version" ||
            quietly cargo install --locked --root "$dir" --version "$version" "$tool" ||
            die "could not install $tool $version"
    fi
    PATH=$dir/bin:$PATH
}

# shellcheck source=image/engine.sh
source "$ROOT/image/engine.sh"

# Leaves COMPOSE set to `docker compose` or docker-compose.
need_compose() {
    if ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; then
        # Ubuntu calls version 2 docker-compose-v2.
        apt_update docker-compose
        if apt-cache show docker-compose-v2 >/dev/null 2>&1; then
            install_packages docker-compose-v2
        else
            install_packages docker-compose
        fi
        hash -r
    fi
    COMPOSE=(docker-compose)
    if docker compose version >/dev/null 2>&1; then
        COMPOSE=(docker compose)
    fi
    if [[ ${DOCKER[0]} == sudo ]]; then
        COMPOSE=(sudo "--preserve-env=GP_IMAGE,GP_BALANCER_IMAGE,GP_PORT,GP_PORT_0,GP_PORT_1,GP_SUBNET,GP_POD_RANGE,GP_BALANCER_ADDRESS,GP_VOLUMES,GP_UID,GP_GID,GP_AGENT_ENGINE,GP_AGENT_HBA_AUTH,GP_HOME" "${COMPOSE[@]}")
    fi
}

COMPOSE=()
COMPOSE_FILES=(--file "$ROOT/image/compose.yaml")
compose() { "${COMPOSE[@]}" --project-name gp "${COMPOSE_FILES[@]}" "$@"; }

# Remembers which engine the local cluster has, and where Greenplum and the base image are; image/down asks.
remember_engine() {
    mkdir -p "$BUILD"
    printf 'ENGINE=%q\nMOUNTED=%q\nBASE_IMAGE=%q\nGP_IMAGE=%q\nEXTRA_PACKAGES=%q\nBALANCER_BASE_IMAGE=%q\n' \
        "$ENGINE" "$MOUNTED" "$BASE_IMAGE" "$GP_IMAGE" "$EXTRA_PACKAGES" "$BALANCER_BASE_IMAGE" >"$BUILD/engine"
}

# Sets the variables of compose.yaml for an engine. MOUNTED: this machine's GPHOME that the pods get.
MOUNTED=
use_engine() {
    [[ $ENGINE == greenplum ]] || return 0
    export GP_VOLUMES=gp-greenplum GP_AGENT_ENGINE=greenplum
    if [[ -n $MOUNTED ]]; then
        export GP_HOME=$MOUNTED
        COMPOSE_FILES+=(--file "$ROOT/image/compose.gphome.yaml")
    fi
}

# The user that the base image may have brought.
find_user() {
    GP_UID=$(docker_ run --rm --network none --entrypoint id "$GP_IMAGE" -u)
    GP_GID=$(docker_ run --rm --network none --entrypoint id "$GP_IMAGE" -g)
    export GP_UID GP_GID
}

# Whether a file of the pods' user is there. Another base image may have another one.
is_users() { [[ -e $1 && $(stat -c %u "$1") == "$GP_UID" ]]; }

# Where the base image has Greenplum.
find_greenplum() {
    # shellcheck disable=SC2016
    docker_ run --rm --network none --entrypoint sh "$BASE_IMAGE" -c '
        for home in "$GPHOME" /usr/local/greenplum-db /usr/local/cloudberry-db; do
            if [ -n "$home" ] && [ -x "$home/bin/postgres" ]; then echo "$home" && exit; fi
        done' 2>/dev/null
}

# Debian, the way its own images are made, for machines that reach a Debian mirror and no registry.
make_base_image() {
    local archive=$CACHE/debian-bookworm.tar root
    if [[ ! -s $archive ]]; then
        need_command debootstrap debootstrap
        install_packages debian-archive-keyring
        step "making $BASE_IMAGE with debootstrap (a minute or two, once; kept as $archive)"
        mkdir -p "$CACHE"
        root=$(as_root mktemp -d /var/tmp/gp-agent-base.XXXXXX)
        quietly as_root debootstrap --variant=minbase --include=ca-certificates \
            --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
            bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" || {
            as_root rm -rf --one-file-system "$root"
            die "debootstrap failed (see above); is a Debian mirror reachable? DEBIAN_MIRROR=URL chooses another"
        }
        as_root tar -C "$root" --one-file-system --exclude='./var/cache/apt/archives/*.deb' \
            --exclude='./var/lib/apt/lists/*' -c . >"$archive.part"
        as_root rm -rf --one-file-system "$root"
        mv "$archive.part" "$archive"
    fi
    step "importing $BASE_IMAGE"
    docker_ import --change 'CMD ["bash"]' "$archive" "$BASE_IMAGE" >/dev/null
}

need_base_image() {
    if docker_ image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
        return 0
    fi
    step "pulling $BASE_IMAGE"
    if timeout 300 "${DOCKER[@]}" pull --quiet "$BASE_IMAGE" >/dev/null 2>&1; then
        return 0
    fi
    [[ $BASE_IMAGE == debian:bookworm* ]] ||
        die "$BASE_IMAGE cannot be pulled, and only debian:bookworm can be made here; load it with docker load"
    say "    $BASE_IMAGE cannot be pulled from here"
    make_base_image
}

# shellcheck source=image/libraries.sh
source "$ROOT/image/libraries.sh"

# Builds $GP_IMAGE: the binary, the base, the image. Quick when nothing changed.
build_image() {
    need_base_image
    "$ROOT/image/build-binary"
    step "building the image $GP_IMAGE"
    mkdir -p "$BUILD/context"
    install -m 0755 "$BUILD/gp-agent" "$BUILD/context/gp-agent"
    install -m 0755 "$ROOT/image/install-packages" "$BUILD/context/install-packages"
    # The host's network, because a bridge has none on some machines.
    quietly docker_ build --network host --file "$ROOT/image/Dockerfile" --tag "$GP_IMAGE" \
        --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "ENGINE=$ENGINE" \
        --build-arg "GPHOME=$GP_HOME" --build-arg "EXTRA_PACKAGES=$EXTRA_PACKAGES" "$BUILD/context" ||
        die "docker build failed (see above)"
}

# The image GP_IMAGE with a real Greenplum: of a directory of this machine, which is mounted, or of a base image.
# Usage: build_greenplum_image DIRECTORY BASE_IMAGE, one of them empty.
build_greenplum_image() {
    # Read by build_image and what it calls.
    # shellcheck disable=SC2034
    local ENGINE=greenplum GP_HOME=$1
    if [[ -n $2 ]]; then
        local BASE_IMAGE=$2
        need_base_image
        GP_HOME=$(find_greenplum)
        [[ -n $GP_HOME ]] || die "$2 has no Greenplum"
        build_image
    else
        build_image_for_mounted
    fi
}

# Pods mount a directory of this machine under its own path, and in them only root may enter /root.
entered_by_pods() { [[ $1 != /root/* ]]; }

# The directory of a Greenplum, or of Apache Cloudberry, on this machine.
greenplum_directory() {
    local dir
    [[ -e $1/greenplum_path.sh || -e $1/cloudberry-env.sh ]] || die "there is no greenplum_path.sh in '$1'"
    dir=$(cd "$1" && pwd)
    entered_by_pods "$dir" ||
        die "the pods, which mount '$dir' under the same path, cannot enter /root; put Greenplum somewhere else, for example below /opt"
    printf '%s\n' "$dir"
}
