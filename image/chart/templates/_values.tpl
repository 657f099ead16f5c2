{{/* Every template begins with this, before it reads a value. `helm upgrade --reuse-values` renders this chart with all
     values of the release that is there, those of an older chart, and with none of its own: what these lack gets its
     default here. And `off` without quotes is false in a values file (Helm reads YAML 1.1): where it is a word it
     becomes one again. */}}
{{- define "gp-agent.values" -}}
{{- range $name, $default := include "gp-agent.values-since-0.1.0" . | fromYaml -}}
{{- if kindIs "map" $default -}}
{{- $_ := set $.Values $name (mustMergeOverwrite $default (get $.Values $name | default dict | deepCopy)) -}}
{{- else if not (hasKey $.Values $name) -}}
{{- $_ := set $.Values $name $default -}}
{{- end -}}
{{- end -}}
{{- range $values := list .Values .Values.config -}}
{{- range $key := list "failover.mode" "failover.authority" "names.hosts" "kubernetes.labels" "kubernetes.events" -}}
{{- $path := splitList "." $key -}}
{{- $section := get $values (first $path) -}}
{{- if and (kindIs "map" $section) (eq (toString (dig (last $path) "" ($section | default dict))) "false") -}}
{{- $_ := set $section (last $path) "off" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What values.yaml has and version 0.1.0 had not, with the same defaults. */}}
{{- define "gp-agent.values-since-0.1.0" -}}
names: { hosts: auto }
failover: { authority: auto, mode: auto, leaseSeconds: 10, onPodDelete: handOver }
recovery: { segments: auto, standby: auto, full: ask, roles: manual, window: "", windowMinutes: 120 }
expansion: { redistribute: auto }
generateSecrets: lookup
tls: { secret: "", certManager: { issuer: "", issuerKind: Issuer, dnsNames: [] } }
segmentLabels: auto
admissionPolicy: auto
serviceAccount: { segmentName: "" }
monitoring:
  labels: {}
  podMonitor: { enabled: false, interval: 10s }
  rules: { enabled: false, runbooks: "" }
  dashboard: { enabled: false }
{{- end -}}
