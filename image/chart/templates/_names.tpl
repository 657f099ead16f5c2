{{/* The name of the cluster, which its volumes remember. */}}
{{- define "gp-agent.cluster" -}}
{{- .Values.cluster | default .Release.Name -}}
{{- end -}}

{{/* A name of this cluster: include "gp-agent.name" (list . "coordinator"). */}}
{{- define "gp-agent.name" -}}
{{- $root := index . 0 -}}
{{- printf "%s%s" $root.Values.namePrefix (index . 1) -}}
{{- end -}}

{{- define "gp-agent.headless" -}}
{{- include "gp-agent.name" (list . .Values.headless.name) -}}
{{- end -}}

{{- define "gp-agent.client-service" -}}
{{- include "gp-agent.name" (list . .Values.service.name) -}}
{{- end -}}

{{- define "gp-agent.ssh-secret" -}}
{{- .Values.ssh.existingSecret | default (include "gp-agent.name" (list . "greenplum-ssh-key")) -}}
{{- end -}}

{{- define "gp-agent.password-secret" -}}
{{- .Values.password.existingSecret | default (include "gp-agent.name" (list . "greenplum-password")) -}}
{{- end -}}

{{- define "gp-agent.service-account" -}}
{{- .Values.serviceAccount.name | default (include "gp-agent.name" (list . "gp-agent")) -}}
{{- end -}}

{{- define "gp-agent.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "gp-agent.update-strategy" -}}
{{- .Values.updateStrategy | default (ternary "OnDelete" "RollingUpdate" (eq .Values.engine "greenplum")) -}}
{{- end -}}

{{/* What selects all pods of this cluster; part of immutable selectors. */}}
{{- define "gp-agent.selector" -}}
app.kubernetes.io/name: gp-agent
app.kubernetes.io/instance: {{ .Release.Name }}
greenplum.io/cluster: {{ include "gp-agent.cluster" . }}
{{- end -}}

{{- define "gp-agent.labels" -}}
{{ include "gp-agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Every pod of the topology, one a line. */}}
{{- define "gp-agent.pods" -}}
{{- $root := . -}}
{{- $groups := list (dict "name" "coordinator" "count" (ternary 2 1 .Values.coordinator.standby)) -}}
{{- $groups = append $groups (dict "name" "segment-a" "count" .Values.segments.count) -}}
{{- if .Values.mirrors.enabled -}}
{{- $groups = append $groups (dict "name" "segment-b" "count" .Values.segments.count) -}}
{{- end -}}
{{- range $group := $groups -}}
{{- range $i := until (int $group.count) }}
{{ include "gp-agent.name" (list $root $group.name) }}-{{ $i }}
{{- end -}}
{{- end -}}
{{- end -}}
