# shellcheck shell=bash
# The lines that Greenplum's tools write into pg_hba.conf. Sourced after tools.sh.

# The addresses of a host but loopback, each as a network of one.
networks_of() {
    remote "$1" ip -o address show scope global | awk '{ split($4, a, "/"); print a[1] (a[1] ~ /:/ ? "/128" : "/32") }'
}

# What stands for a host in the file: its name, or its addresses.
entries_of() {
    if [[ ${HBA_HOSTNAMES:-0} == 1 ]]; then echo "$1"; else networks_of "$1"; fi
}

# For each line of standard input, a line of pg_hba.conf about it.
hba_lines() { sed -E "s#.*#host\t$1\t$2\t&\ttrust#"; }

# The coordinator's file: all comments of the old one, and these.
write_coordinator_hba() {
    local dir=$1 host=$2 standby=$3 comments
    comments=$(grep '^#' "$dir/pg_hba.conf" || true)
    {
        echo "$comments"
        printf 'local    all         %s         ident\n' "$USER_NAME"
        if [[ ${HBA_HOSTNAMES:-0} == 1 ]]; then echo localhost; else echo 127.0.0.1/28; fi | hba_lines all "$USER_NAME"
        entries_of "$host" | hba_lines all "$USER_NAME"
        printf 'local    replication %s         ident\n' "$USER_NAME"
        printf 'host     replication %s         samehost       trust\n' "$USER_NAME"
        entries_of "$host" | hba_lines replication "$USER_NAME"
        [[ -z $standby || $standby == "$host" ]] || entries_of "$standby" | hba_lines replication "$USER_NAME"
    } >"$dir/pg_hba.conf.new"
    mv "$dir/pg_hba.conf.new" "$dir/pg_hba.conf"
}

# What a primary's file gets when it is made.
primary_hba() {
    local host=$1 mirror=$2 coordinator=$3 standby=$4
    [[ ${HBA_HOSTNAMES:-0} != 1 ]] || echo localhost | hba_lines all all
    entries_of "$coordinator" | hba_lines all all
    [[ -z $mirror ]] || entries_of "$mirror" | hba_lines all "$USER_NAME"
    [[ -z $standby ]] || entries_of "$standby" | hba_lines all all
    entries_of "$host" | hba_lines all "$USER_NAME"
}

# What it gets when its mirror is made or recovered.
replication_hba() {
    local primary=$1 mirror=$2
    echo samehost | hba_lines replication "$USER_NAME"
    entries_of "$mirror" | hba_lines replication "$USER_NAME"
    [[ $primary == "$mirror" ]] || entries_of "$primary" | hba_lines replication "$USER_NAME"
}

# Appends standard input to the file of a directory on a host and reloads the server.
append_hba() {
    local host=$1 dir=$2 text
    text=$(cat)
    ssh -o StrictHostKeyChecking=no "$host" ". $GPHOME/greenplum_path.sh; cat - >>$dir/pg_hba.conf && pg_ctl reload -D $dir" <<<"$text" >>"$LOG_FILE" 2>&1
}
