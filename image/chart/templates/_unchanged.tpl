{{/* What an upgrade may not change is refused here, before anything is applied: Helm changes the ConfigMap and the
     Services first, and only then would Kubernetes refuse the StatefulSets, or the agents their volumes. All that is
     found is said at once. Where there is no cluster to look into nothing is found. */}}
{{- define "gp-agent.unchanged" -}}
{{- $live := include "gp-agent.live-sets" . | fromJson -}}
{{- $prefix := .Values.namePrefix -}}
{{- range $group, $set := $live -}}
{{- $prefix = trimSuffix $group $set.metadata.name -}}
{{- end -}}
{{- $found := include "gp-agent.changed-engine" (dict "root" . "prefix" $prefix) -}}
{{- if ne $prefix .Values.namePrefix -}}
{{- $found = printf "%s\nnamePrefix is %q, and the pods of this release have %q: an upgrade would delete their StatefulSets and make an empty cluster beside their volumes. Set it to %q" $found .Values.namePrefix $prefix $prefix -}}
{{- end -}}
{{- range $group, $values := dict "coordinator" .Values.coordinator "segment-a" .Values.primaries "segment-b" .Values.mirrors -}}
{{- $kept := or (ne $group "segment-b") $.Values.mirrors.enabled -}}
{{- with ternary (get $live $group) "" $kept -}}
{{- $in := dict "root" $ "prefix" $prefix "set" . "values" $values -}}
{{- $found = printf "%s\n%s\n%s" $found (include "gp-agent.changed-names" $in) (include "gp-agent.changed-claims" $in) -}}
{{- end -}}
{{- end -}}
{{- with regexSplit "\\n+" (trim $found) -1 | uniq | compact -}}
{{- fail (printf "an upgrade cannot change this, and nothing has been changed (docs/kubernetes/README.md, \"Upgrade\"):\n- %s" (join "\n- " .)) -}}
{{- end -}}
{{- include "gp-agent.keeps-pods" (dict "root" . "live" $live) -}}
{{- end -}}

{{/* The StatefulSets that this release has by now, by their group, as JSON. */}}
{{- define "gp-agent.live-sets" -}}
{{- $live := dict -}}
{{- range dig "items" list (lookup "apps/v1" "StatefulSet" .Release.Namespace "" | default dict) -}}
{{- $labels := .metadata.labels | default dict -}}
{{- if and (eq (get $labels "app.kubernetes.io/name") "gp-agent") (eq (get $labels "app.kubernetes.io/instance") $.Release.Name) -}}
{{- $_ := set $live (get $labels "app.kubernetes.io/component") . -}}
{{- end -}}
{{- end -}}
{{- toJson $live -}}
{{- end -}}

{{/* Directories of one engine are nothing to the other one. */}}
{{- define "gp-agent.changed-engine" -}}
{{- $map := lookup "v1" "ConfigMap" .root.Release.Namespace (printf "%sgreenplum-cluster" .prefix) | default dict -}}
{{- $ours := eq (dig "metadata" "labels" "app.kubernetes.io/instance" "" $map) .root.Release.Name -}}
{{- $there := dig "engine" "" (dig "data" "cluster.yaml" "" $map | fromYaml) -}}
{{- $asked := dig "engine" .root.Values.engine .root.Values.config -}}
{{- if and $ours $there (ne $there $asked) -}}
{{- printf "engine is %s, and this cluster is %s's, whose directories no other server reads: set engine to %s" $asked $there $there -}}
{{- end -}}
{{- end -}}

{{/* The names that a StatefulSet and its volumes were made with. */}}
{{- define "gp-agent.changed-names" -}}
{{- $cluster := dig "spec" "selector" "matchLabels" "greenplum.io/cluster" "" .set -}}
{{- $asked := include "gp-agent.cluster" .root -}}
{{- if and $cluster (ne $cluster $asked) }}
cluster is {{ $asked }}, and the volumes of this release are recorded as those of {{ $cluster }}: set it to {{ $cluster }}
{{- end -}}
{{- $headless := trimPrefix .prefix .set.spec.serviceName -}}
{{- if ne $headless .root.Values.headless.name }}
headless.name is {{ .root.Values.headless.name }}, and the pods have their names by {{ $headless }}: set it to {{ $headless }}
{{- end -}}
{{- end -}}

{{/* The volumes that a StatefulSet claims for each pod. */}}
{{- define "gp-agent.changed-claims" -}}
{{- $in := . -}}
{{- $group := get (dict "coordinator" "coordinator" "segment-a" "primaries" "segment-b" "mirrors") (trimPrefix .prefix .set.metadata.name) -}}
{{- $live := dict -}}
{{- range .set.spec.volumeClaimTemplates -}}
{{- $_ := set $live .metadata.name .spec -}}
{{- end -}}
{{- $wal := .root.Values.storage.wal -}}
{{- if ne $wal (hasKey $live "wal") }}
storage.wal is {{ $wal }}, and the pods of this release were made {{ ternary "without" "with" $wal }} that volume: set it to {{ not $wal }}
{{- end -}}
{{- range $name, $keys := dict "data" (list "size" "storageClass") "wal" (list "walSize" "walStorageClass") -}}
{{- with get $live $name -}}
{{- $size := get $in.values.storage (first $keys) -}}
{{- $there := .resources.requests.storage -}}
{{- if ne (include "gp-agent.bytes" $size) (include "gp-agent.bytes" $there) }}
{{ $group }}.storage.{{ first $keys }} is {{ $size }}, and StatefulSet {{ $in.set.metadata.name }} claims {{ $there }}: set it to {{ $there }}; a volume grows by its claim ("Larger volumes" there)
{{- end -}}
{{- $class := get $in.values.storage (last $keys) -}}
{{- $there = ternary (.storageClassName | default "-") "" (hasKey . "storageClassName") -}}
{{- if ne $class $there }}
{{ $group }}.storage.{{ last $keys }} is {{ quote $class }}, and StatefulSet {{ $in.set.metadata.name }} claims {{ quote $there }}: set it to {{ quote $there }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A quantity as a number: the API server writes 1Gi where 1024Mi was given, and 1536Mi for 1.5Gi. */}}
{{- define "gp-agent.bytes" -}}
{{- $suffix := regexFind "[a-zA-Z]*$" (toString .) -}}
{{- $units := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 -}}
{{- $binary := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- printf "%.0f" (mulf (trimSuffix $suffix (toString .) | float64) (get (merge $units $binary) $suffix | default 1)) -}}
{{- end -}}

{{/* Greenplum's catalog goes on with pods that are taken away: what a release has is not made smaller. */}}
{{- define "gp-agent.keeps-pods" -}}
{{- $values := .root.Values -}}
{{- if eq $values.engine "greenplum" -}}
{{- $there := dict -}}
{{- range $group := list "coordinator" "segment-a" "segment-b" -}}
{{- $_ := set $there $group (dig "spec" "replicas" 0 (get $.live $group | default dict) | int) -}}
{{- end -}}
{{- if and (not $values.mirrors.enabled) (get $there "segment-b") -}}
{{- fail "mirrors.enabled is false, and the cluster has mirrors, whose pods this would delete; no tool takes mirrors out of a catalog: set it to true" -}}
{{- end -}}
{{- if and (not $values.coordinator.standby) (gt (get $there "coordinator") 1) -}}
{{- fail "coordinator.standby is false, and the cluster has pod coordinator-1, which this would delete: set it to true; or have coordinator-0 be the active coordinator (gp-agent switchover), call gpinitstandby -a -r there, and scale the StatefulSet of the coordinators to 1 first" -}}
{{- end -}}
{{- if lt (int $values.segments.count) (get $there "segment-a") -}}
{{- fail (printf "segments.count is %d, and the cluster has %d segments, whose pods this would delete: set it to %d" (int $values.segments.count) (get $there "segment-a") (get $there "segment-a")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
