# shellcheck shell=bash
# What image/up-kubernetes, image/down-kubernetes, tests/run and tests/bench share beside image/lib.sh. Sourced, never run.

HELM_SDK=$ROOT/image/helm-sdk.txt
HELM=()
helm_() { "${HELM[@]}" "$@"; }

# Leaves HELM set: helm, or the commands of image/helm-sdk in a virtual environment of their own.
need_helm() {
    local venv=$CACHE/helm-sdk
    if command -v helm >/dev/null; then
        HELM=(helm)
        return 0
    fi
    HELM=("$venv/bin/python" "$ROOT/image/helm-sdk")
    # Made from these very lines: an environment of before may hold anything.
    if cmp -s "$HELM_SDK" "$venv/requirements" && "$venv/bin/python" -c 'import helm_python' 2>/dev/null; then
        return 0
    fi
    need_command python3 python3
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
    step "installing Helm's SDK into $venv"
    mkdir -p "$CACHE"
    quietly python3 -m venv --clear "$venv" && quietly "$venv/bin/python" -m pip install --quiet \
        --require-hashes --only-binary :all: --requirement "$HELM_SDK" &&
        cp "$HELM_SDK" "$venv/requirements"
}

# Leaves KUBECONFIG and GP_KUBE_LOAD set when the tool that GP_KUBE names has a cluster up.
use_kube_tool() {
    local config
    if [[ -n ${GP_KUBE:-} && -z ${KUBECONFIG:-} ]] && config=$("$GP_KUBE" kubeconfig 2>/dev/null); then
        export KUBECONFIG=$config
    fi
    if [[ -n ${GP_KUBE:-} ]]; then
        export GP_KUBE_LOAD=${GP_KUBE_LOAD:-$GP_KUBE load}
    fi
}

need_cluster() {
    need_command kubectl kubernetes-client
    use_kube_tool
    # What everybody may ask for.
    kubectl get --raw /version >/dev/null 2>&1 || {
        kubectl get --raw /version >&2 || true
        die "no Kubernetes cluster answers; start one (kind create cluster, minikube start) or set KUBECONFIG"
    }
}

# The kind of the cluster that KUBECONFIG points to: given (GP_KUBE_LOAD), minikube, kind, gke, other.
cluster_kind() {
    local context
    if [[ -n ${GP_KUBE_LOAD:-} ]]; then
        echo given
        return
    fi
    if [[ -n ${KIND_CLUSTER:-} ]]; then
        echo kind
        return
    fi
    context=$(kubectl config current-context)
    case $context in
        minikube) echo minikube ;;
        kind-*) echo kind ;;
        gke_*) echo gke ;;
        *) echo other ;;
    esac
}

# Which cluster it is, where one may see that; else where it is.
cluster_id() {
    kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}' 2>/dev/null ||
        kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}'
}

# Loads an image of the Docker engine with GP_KUBE_LOAD; of an image that differs in a few layers from one loaded before,
# these layers alone.
load_given() {
    local image=$1 cluster have=$BUILD/loaded-layers thin=$BUILD/image.tar
    cluster=$(cluster_id)
    mkdir -p "$BUILD"
    if [[ $(head -n 1 "$have" 2>/dev/null) != "$cluster" ]]; then
        printf '%s\n' "$cluster" >"$have"
    fi
    need_command python3 python3
    # Words of a command, as `kube load`.
    # shellcheck disable=SC2086
    docker_ save "$image" | python3 "$ROOT/image/thin-image" "$image" "$have" >"$thin" &&
        quietly $GP_KUBE_LOAD "$thin" && mv "$have.new" "$have"
    rm -f "$thin" "$have.new"
}

# Brings an image of the Docker engine into the cluster.
load_image() {
    local image=$1 kind=$2
    case $kind in
        given) load_given "$image" ;;
        # Built there.
        minikube) ;;
        kind) quietly kind load docker-image "$image" --name "${KIND_CLUSTER:-$(kubectl config current-context | sed 's/^kind-//')}" ;;
        *) die "how does an image get into this cluster? say --registry REGISTRY, or set GP_KUBE_LOAD to a command that loads one" ;;
    esac
}

# Leaves KUBECONFIG set: to the caller's cluster, or to one that the tool GP_KUBE (or ../shared/kube/kube) brings up until
# end_test_cluster. Returns 1 when there is neither; no_cluster says why.
made_cluster=""
# For those who source this.
# shellcheck disable=SC2034
no_cluster=""
need_test_cluster() {
    local tool=$ROOT/../shared/kube/kube
    if [[ -z ${KUBECONFIG:-} ]]; then
        if [[ -z ${GP_KUBE:-} && -x $tool ]]; then
            GP_KUBE=$(realpath "$tool")
        fi
        if [[ -z ${GP_KUBE:-} ]]; then
            no_cluster="KUBECONFIG is not set, and there is no tool that brings a cluster up (GP_KUBE)"
            return 1
        fi
        if [[ $EUID -ne 0 ]]; then
            # shellcheck disable=SC2034
            no_cluster="KUBECONFIG is not set, and only root can bring a cluster up with $GP_KUBE"
            return 1
        fi
        export GP_KUBE
        need_command kubectl kubernetes-client
        step "bringing a Kubernetes cluster up"
        made_cluster=yes
        quietly "$GP_KUBE" down || true
        # A node counts as lost after 20 s rather than 40, so that less time goes by waiting for that.
        quietly "$GP_KUBE" up --grace 20 || die "$GP_KUBE up failed (see above)"
    fi
    need_cluster
}

end_test_cluster() {
    [[ -z $made_cluster ]] || quietly "$GP_KUBE" down
}

# The image under two tags, so that there is one to go on to; where it has to be pulled, it must have been pushed.
load_test_images() {
    local kind next=${GP_IMAGE%:*}:next
    kind=$(cluster_kind)
    [[ $kind == given || $kind == kind ]] || return 0
    step "loading the image into the cluster"
    docker_ tag "$GP_IMAGE" "$next"
    load_image "$GP_IMAGE" "$kind" || die "the image could not be loaded (see above)"
    load_image "$next" "$kind" || die "the image could not be loaded (see above)"
    export GP_IMAGE_NEXT=$next
    # Greenplum that is mounted is on no node.
    if [[ ${GP_TESTS_GREENPLUM:-} == real && -z ${GP_TESTS_GPHOME:-} ]]; then
        load_image "$GP_TESTS_GREENPLUM_IMAGE" "$kind" || die "the image with Greenplum could not be loaded (see above)"
    fi
}
