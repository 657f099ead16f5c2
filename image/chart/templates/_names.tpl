{{/* The name of the cluster, which its volumes remember: the agents take a DNS label, and Helm takes dots in the name of
     a release. */}}
{{- define "gp-agent.cluster" -}}
{{- if and (not .Values.cluster) (contains "." .Release.Name) -}}
{{- fail (printf "the cluster has the name of the release unless the value cluster gives it one, and the agents take none with a dot: set cluster, such as cluster=%s, or call the release otherwise" (.Release.Name | replace "." "-")) -}}
{{- end -}}
{{- .Values.cluster | default .Release.Name -}}
{{- end -}}

{{/* The Lease that says who is the coordinator; the agents know it by the name of the cluster. */}}
{{- define "gp-agent.lease" -}}
{{- printf "%s-coordinator" (include "gp-agent.cluster" .) -}}
{{- end -}}

{{/* Whether the standby takes over by itself; as the agents decide it (docs/reference/configuration.md). */}}
{{- define "gp-agent.failover" -}}
{{- $asked := .Values.failover.authority -}}
{{- $lease := has $asked (list "kubernetes" "auto") -}}
{{- ternary "yes" "" (and .Values.coordinator.standby .Values.roleLabels (eq .Values.failover.mode "auto") $lease) -}}
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

{{/* The segments' own account, whose token can do less. An account that others made is the coordinators' alone. */}}
{{- define "gp-agent.segment-account" -}}
{{- if (.Values.serviceAccount).segmentName -}}
{{- .Values.serviceAccount.segmentName -}}
{{- else if .Values.serviceAccount.create -}}
{{- printf "%s-segment" (include "gp-agent.service-account" .) -}}
{{- else -}}
{{- include "gp-agent.service-account" . -}}
{{- end -}}
{{- end -}}

{{/* Whether the segments have an account that is not the coordinators'. */}}
{{- define "gp-agent.segments-apart" -}}
{{- ternary "yes" "" (ne (include "gp-agent.segment-account" .) (include "gp-agent.service-account" .)) -}}
{{- end -}}

{{/* Whether an admission policy holds the accounts to the label: Kubernetes 1.30 knows them (v1). */}}
{{- define "gp-agent.admission-policy" -}}
{{- $wanted := ne ((.Values.admissionPolicy) | default "auto") "never" -}}
{{- ternary "yes" "" (and .Values.roleLabels $wanted (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version)) -}}
{{- end -}}

{{/* Whether segments carry the label of their role. RBAC cannot say "its own pod", so by itself it is the policy that makes
     this safe. */}}
{{- define "gp-agent.segment-labels" -}}
{{- $wanted := (.Values.segmentLabels) | default "auto" -}}
{{- $apart := and .Values.roleLabels (include "gp-agent.segments-apart" .) -}}
{{- ternary "yes" "" (and $apart (or (eq $wanted "always") (and (eq $wanted "auto") (include "gp-agent.admission-policy" .))) | not | not) -}}
{{- end -}}

{{/* The Secret with the certificate; empty without TLS. */}}
{{- define "gp-agent.tls-secret" -}}
{{- $tls := .Values.tls | default dict -}}
{{- if $tls.secret -}}
{{- $tls.secret -}}
{{- else if ($tls.certManager).issuer -}}
{{- include "gp-agent.name" (list . "greenplum-tls") -}}
{{- end -}}
{{- end -}}

{{/* Lines of hba.extra that let nobody in: they want TLS, and neither a value nor cluster.yaml brings a
     certificate. */}}
{{- define "gp-agent.hostssl-without-tls" -}}
{{- $somehow := or (include "gp-agent.tls-secret" .) (hasKey .Values.config "tls") (hasKey .Values.parameters "ssl") -}}
{{- range ternary (list) .Values.hba.extra (not (empty $somehow)) -}}
{{- if hasPrefix "hostssl" (trim .) }}
  {{ . }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The type of the clients' Service. What was a load balancer by the default of 0.1.0 does not lose its address unasked. */}}
{{- define "gp-agent.service-type" -}}
{{- $name := include "gp-agent.client-service" . -}}
{{- $type := .Values.service.type -}}
{{- if not $type -}}
{{- $there := lookup "v1" "Service" .Release.Namespace $name -}}
{{- if eq (dig "spec" "type" "" $there) "LoadBalancer" -}}
{{- fail (printf "Service %s is a load balancer, by the default of version 0.1.0; now the default is ClusterIP. Set service.type=LoadBalancer and service.sourceRanges to keep its address, or service.type=ClusterIP to give it up" $name) -}}
{{- end -}}
{{- $type = "ClusterIP" -}}
{{- end -}}
{{- if and (eq $type "LoadBalancer") (not .Values.service.sourceRanges) -}}
{{- fail "service.type LoadBalancer needs service.sourceRanges, the networks that may connect, such as [203.0.113.0/24]; [0.0.0.0/0] is everybody" -}}
{{- end -}}
{{- $type -}}
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

{{/* The pod of `helm test`: a client, and none of the cluster. */}}
{{- define "gp-agent.test-selector" -}}
app.kubernetes.io/name: gp-agent-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gp-agent.labels" -}}
{{ include "gp-agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Of what Prometheus' operator and Grafana look for, with the labels that they select by. */}}
{{- define "gp-agent.monitoring-labels" -}}
{{ include "gp-agent.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{/* The coordinator pods, one a line. */}}
{{- define "gp-agent.coordinators" -}}
{{- $root := . -}}
{{- range $i := until (ternary 2 1 .Values.coordinator.standby) }}
{{ include "gp-agent.name" (list $root "coordinator") }}-{{ $i }}
{{- end -}}
{{- end -}}

{{/* The segments' pods, one a line. */}}
{{- define "gp-agent.segments" -}}
{{- $root := . -}}
{{- range $group := ternary (list "segment-a" "segment-b") (list "segment-a") .Values.mirrors.enabled -}}
{{- range $i := until (int $root.Values.segments.count) }}
{{ include "gp-agent.name" (list $root $group) }}-{{ $i }}
{{- end -}}
{{- end -}}
{{- end -}}
