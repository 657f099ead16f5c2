# shellcheck shell=bash
# The libraries that a Greenplum of this machine needs in the image which mounts it. Sourced by lib.sh, never run.

# The libraries that programs and modules below these folders of $GP_HOME need and $GP_IMAGE lacks.
lacking_libraries() {
    # shellcheck disable=SC2016
    docker_ run --rm --network none --user 0 --entrypoint bash --volume "$GP_HOME:$GP_HOME:ro" "$GP_IMAGE" -c '
        cd "$1" && shift
        for profile in greenplum_path.sh cloudberry-env.sh; do [[ ! -e $profile ]] || source "$PWD/$profile"; done
        find "$@" -type f \( -perm /100 -o -name "*.so*" \) -exec ldd {} + 2>/dev/null || true' _ "$GP_HOME" "$@" |
        sed -n 's/^[[:space:]]*\([^[:space:]]*\) => not found$/\1/p' | sort -u
}

# Debian's packages that this machine has these libraries from.
packages_of() {
    local library
    for library in "$@"; do
        dpkg-query --search "*/$library" 2>/dev/null |
            sed -nE 's,^([^:]+)(:[^:]+)?: (/usr)?/lib(/[^/]*-linux-gnu[^/]*)?/[^/]+$,\1,p' || true
    done | sort -u | tr '\n' ' '
}

# Of an image or, without one, of this machine.
distribution() {
    # shellcheck disable=SC2016
    local ask='. /etc/os-release && echo "$ID $VERSION_ID"'
    if [[ -n ${1:-} ]]; then
        docker_ run --rm --network none --entrypoint sh "$1" -c "$ask"
    else
        sh -c "$ask"
    fi
}

# Builds $GP_IMAGE so that the mounted Greenplum runs in it: a server that lacks a library would say so in every pod.
build_image_for_mounted() {
    local lacking packages=''
    build_image
    lacking=$(lacking_libraries bin lib) || die "what $GP_HOME needs could not be found out (see above)"
    [[ -n $lacking ]] || return 0
    if [[ $(distribution "$GP_IMAGE") == "$(distribution)" ]]; then
        # One word each.
        # shellcheck disable=SC2086
        packages=$(packages_of $lacking)
    fi
    if [[ -n $packages ]]; then
        say "    $GP_HOME needs, of this machine's packages: $packages"
        EXTRA_PACKAGES="$EXTRA_PACKAGES $packages"
        build_image
    fi
    # Of modules, only those that are used matter.
    lacking=$(lacking_libraries bin)
    [[ -z $lacking ]] ||
        die "the programs in $GP_HOME/bin need libraries that $BASE_IMAGE does not have: ${lacking//$'\n'/ }; name their packages in EXTRA_PACKAGES, or use the distribution that this Greenplum was built for as BASE_IMAGE"
}
