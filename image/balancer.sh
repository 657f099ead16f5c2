# shellcheck shell=bash
# The balancer of the local cluster: its image, its address and its port. Sourced by image/up, never run.

export GP_BALANCER_IMAGE=gp-agent:balancer
# Equal to the network's name in compose.yaml.
NETWORK=gp.local

# What has to be taken down before the containers can be as they are to be, and why.
take_down=

# Another distribution in the pods' image changes nothing here: HAProxy comes from Debian.
build_balancer() {
    # Read by need_base_image.
    # shellcheck disable=SC2034
    local BASE_IMAGE=$BALANCER_BASE_IMAGE
    need_base_image
    step "building the image $GP_BALANCER_IMAGE"
    quietly docker_ build --network host --tag "$GP_BALANCER_IMAGE" \
        --build-arg "BASE_IMAGE=$BALANCER_BASE_IMAGE" "$ROOT/image/balancer" ||
        die "docker build failed (see above); where no Debian mirror can be reached, BALANCER_BASE_IMAGE may name an image that has HAProxy"
}

dotted() { printf '%d.%d.%d.%d' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); }

# Settles GP_POD_RANGE, the lower half of GP_SUBNET, and GP_BALANCER_ADDRESS, the last address of the upper one.
divide_subnet() {
    local a b c d prefix first
    IFS=./ read -r a b c d prefix <<<"$GP_SUBNET"
    first=$((a << 24 | b << 16 | c << 8 | d))
    GP_POD_RANGE=$(dotted "$first")/$((prefix + 1))
    GP_BALANCER_ADDRESS=$(dotted $((first + (1 << (32 - prefix)) - 2)))
    export GP_SUBNET GP_POD_RANGE GP_BALANCER_ADDRESS
}

# Its subnet of IPv4, beside which there may be one of IPv6, and the range within that containers are given addresses of: an engine
# that was given none says nothing, or "invalid Prefix".
ranges_of_network() {
    docker_ network inspect --format '{{range .IPAM.Config}}{{println .Subnet .IPRange}}{{end}}' "$NETWORK" 2>/dev/null |
        grep -m 1 '^[0-9.]*/'
}

# Pods trust each other by address, and lines with an address in pg_hba.conf or /etc/hosts can outlive a pod's: the balancer,
# which brings clients from outside, must never get one that was a pod's. So pods have one half of the network, and the
# balancer the last address of the other one. Docker chooses the subnet, once, so that it is nobody else's.
choose_network() {
    local subnet range
    read -r subnet range < <(ranges_of_network) || true
    if [[ -z $subnet ]]; then
        quietly docker_ network create "$NETWORK" || die "Docker has no subnet for the network $NETWORK (see above)"
        read -r subnet range < <(ranges_of_network) || true
        quietly docker_ network rm "$NETWORK" || die "the network $NETWORK could not be made (see above)"
        [[ -n $subnet ]] || die "Docker gives the network $NETWORK no subnet of IPv4, which the balancer's address is taken from"
    elif [[ $range != */* ]]; then
        take_down="the network gets an address for the balancer"
    fi
    GP_SUBNET=$subnet
    divide_subnet
}

has_port() { [[ $(docker_ port "$1" 5432/tcp 2>/dev/null) == *":$2" ]]; }

# Ends this script when somebody else has the port that this container is to have; one of ours makes way.
free_port() {
    local other
    ! has_port "$1" "$2" || return 0
    for other in balancer coordinator-0 coordinator-1; do
        if has_port "$other" "$2"; then
            take_down=${take_down:-"port $2, so far of $other, is now the one of $1"}
            return 0
        fi
    done
    if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
        die "port $2 of 127.0.0.1 is in use; choose another with image/up --port PORT (it takes that one and the next two)"
    fi
}

# Settles GP_PORT, the balancer's, and those of the coordinators: the argument, the last one used, 5432; and the next two.
choose_port() {
    local port=$1 saved=$BUILD/port
    if [[ -z $port && -s $saved ]]; then
        port=$(<"$saved")
    fi
    export GP_PORT=${port:-5432}
    [[ $GP_PORT -lt 65534 ]] || die "--port needs a number below 65534: the next two ports are used too"
    export GP_PORT_0=$((GP_PORT + 1)) GP_PORT_1=$((GP_PORT + 2))
    free_port balancer "$GP_PORT"
    free_port coordinator-0 "$GP_PORT_0"
    free_port coordinator-1 "$GP_PORT_1"
    mkdir -p "$BUILD"
    printf '%s\n' "$GP_PORT" >"$saved"
}

# Containers get another port or network by being made anew, and not while another one still has it.
make_way() {
    [[ -n $take_down ]] || return 0
    step "$take_down: stopping the containers in order and making them anew; the data stay on the volumes"
    quietly compose down --remove-orphans || die "the containers could not be taken down (see above)"
}

# What is printed for clients has to serve: a session of gpadmin's through the balancer, with the password.
await_balancer() {
    local active=$1 password=$2 deadline=$((SECONDS + 60)) answer
    while true; do
        # shellcheck disable=SC2016
        answer=$(printf '%s\n' "$password" | docker_ exec -i "$active" bash -c '
            IFS= read -r PGPASSWORD && export PGPASSWORD && exec psql -h balancer -p 5432 -XAtqc "select pg_is_in_recovery()"' 2>&1) || true
        [[ $answer != f ]] || return 0
        [[ $SECONDS -lt $deadline ]] || die "the balancer leads to no coordinator: $answer; docker logs balancer says more"
        sleep 0.5
    done
}
