{{/* One StatefulSet: include "gp-agent.statefulset" (dict "root" . "group" "segment-a" "partner" "segment-b" "replicas" 2
     "values" .Values.primaries "antiAffinity" "required" "ready" "/readyz" "strategy" "RollingUpdate"). */}}
{{- define "gp-agent.statefulset" -}}
{{- $root := .root -}}
{{- $group := .group -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "gp-agent.name" (list $root $group) }}
  labels:
    {{- include "gp-agent.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $group }}
spec:
  serviceName: {{ include "gp-agent.headless" $root }}
  replicas: {{ .replicas }}
  # All pods have to be there before the first one can be made, and after a blackout no pod may wait for another.
  podManagementPolicy: Parallel
  updateStrategy:
    type: {{ .strategy }}
  selector:
    matchLabels:
      {{- include "gp-agent.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ $group }}
  template:
    metadata:
      # No version of the chart among them, so that a new one restarts no database.
      labels:
        {{- include "gp-agent.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $group }}
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: gp-agent
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "gp-agent.pod" . | nindent 6 }}
  volumeClaimTemplates:
    {{- include "gp-agent.claim" (dict "in" . "name" "data" "size" .values.storage.size "class" .values.storage.storageClass) | nindent 4 }}
    {{- if $root.Values.storage.wal }}
    {{- include "gp-agent.claim" (dict "in" . "name" "wal" "size" .values.storage.walSize "class" .values.storage.walStorageClass) | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "gp-agent.claim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: {{ .name }}
    labels:
      {{- include "gp-agent.selector" .in.root | nindent 6 }}
      app.kubernetes.io/component: {{ .in.group }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- if eq .class "-" }}
    storageClassName: ""
    {{- else if .class }}
    storageClassName: {{ .class }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size }}
{{- end -}}
