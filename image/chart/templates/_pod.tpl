{{/* The pods of a StatefulSet; takes what "gp-agent.statefulset" takes. */}}
{{- define "gp-agent.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $coordinator := eq .group "coordinator" -}}
{{- $apart := include "gp-agent.segments-apart" $root }}
serviceAccountName: {{ include (ternary "gp-agent.service-account" "gp-agent.segment-account" $coordinator) $root }}
automountServiceAccountToken: {{ and $values.roleLabels (or $coordinator (not (empty $apart))) }}
enableServiceLinks: false
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
# The agent's own ladder ends before this: nobody is killed who could still have stopped.
terminationGracePeriodSeconds: {{ add $values.shutdown.graceSeconds 10 }}
{{- include "gp-agent.pod-security" $root | nindent 0 }}
{{- include "gp-agent.placement" . }}
{{- if eq $values.names.hosts "auto" }}
initContainers:
  # kubelet's /etc/hosts belongs to root: the agent gets a copy that it may write, and kubelet leaves that alone.
  - name: hosts
    image: {{ include "gp-agent.image" $root }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command: [cp, /etc/hosts, /hosts/hosts]
    resources:
      {{- toYaml .values.resources | nindent 6 }}
    securityContext:
      {{- include "gp-agent.container-security" $root | nindent 6 }}
    volumeMounts:
      - { name: hosts, mountPath: /hosts }
{{- end }}
containers:
  - name: gp-agent
    image: {{ include "gp-agent.image" $root }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    env:
      {{- range $name, $field := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "POD_UID" "metadata.uid" }}
      - name: {{ $name }}
        valueFrom: { fieldRef: { apiVersion: v1, fieldPath: {{ $field }} } }
      {{- end }}
      {{- if and $coordinator $values.roleLabels }}
      # With a standby the agent takes it for there, and for its own to write; an older one does not look. One that comes later
      # needs no other pod then.
      - { name: COORDINATOR_LEASE, value: {{ include "gp-agent.lease" $root }} }
      {{- end }}
      {{- if and $values.roleLabels (not $coordinator) $apart (not (include "gp-agent.segment-labels" $root)) }}
      # It has no right to.
      - { name: GP_AGENT_KUBERNETES_LABELS, value: "off" }
      {{- end }}
      {{- with $values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      # Helm 4 applies on the server, where old Kubernetes wants protocol spelled out.
      - { name: db, containerPort: {{ .values.port }}, protocol: TCP }
      - { name: http, containerPort: {{ $values.http.port }}, protocol: TCP }
    resources:
      {{- toYaml .values.resources | nindent 6 }}
    securityContext:
      {{- include "gp-agent.container-security" $root | nindent 6 }}
    {{- include "gp-agent.probes" . | nindent 4 }}
    volumeMounts:
      - { name: data, mountPath: /greenplum }
      {{- if $values.storage.wal }}
      - { name: wal, mountPath: /greenplum-wal }
      {{- end }}
      - { name: config, mountPath: /etc/greenplum }
      - { name: ssh-key, mountPath: /etc/ssh-key }
      - { name: password, mountPath: /etc/greenplum-password }
      {{- if include "gp-agent.tls-here" . }}
      - { name: tls, mountPath: /etc/greenplum-tls }
      {{- end }}
      {{- if eq $values.names.hosts "auto" }}
      - { name: hosts, mountPath: /etc/hosts, subPath: hosts }
      {{- end }}
      - { name: run, mountPath: /run/gp-agent }
      - { name: home, mountPath: /home/gpadmin }
      - { name: tmp, mountPath: /tmp }
      - { name: shm, mountPath: /dev/shm }
      {{- with $values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap: { name: {{ include "gp-agent.name" (list $root "greenplum-cluster") }} }
  - name: ssh-key
    secret: { secretName: {{ include "gp-agent.ssh-secret" $root }}, defaultMode: 0440 }
  # With trust for pods that have not been restarted since that changed and still ask for it, where there is one.
  - name: password
    secret: { secretName: {{ include "gp-agent.password-secret" $root }}, defaultMode: 0440{{ if ne $values.hba.auth "scram-sha-256" }}, optional: true{{ end }} }
  {{- if include "gp-agent.tls-here" . }}
  - name: tls
    secret: { secretName: {{ include "gp-agent.tls-secret" $root }}, defaultMode: 0440 }
  {{- end }}
  {{- if eq $values.names.hosts "auto" }}
  # Read at every lookup, and written by the agent's loop: never from a disk.
  - name: hosts
    emptyDir: { medium: Memory, sizeLimit: 16Mi }
  {{- end }}
  # Keys and the password lie in the first two: in memory only.
  - name: run
    emptyDir: { medium: Memory, sizeLimit: 16Mi }
  - name: home
    emptyDir: { medium: Memory, sizeLimit: 64Mi }
  - name: tmp
    emptyDir: {}
  - name: shm
    emptyDir: { medium: Memory, sizeLimit: {{ $values.shm.size }} }
  {{- with $values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Whether the pod gets the certificate: Greenplum's clients connect to the coordinator alone. */}}
{{- define "gp-agent.tls-here" -}}
{{- if or (eq .group "coordinator") (ne .root.Values.engine "greenplum") -}}
{{- include "gp-agent.tls-secret" .root -}}
{{- end -}}
{{- end -}}

{{/* Passes the restricted Pod Security Standard. */}}
{{- define "gp-agent.pod-security" -}}
{{- $sysctls := dict -}}
{{- if eq .Values.engine "greenplum" -}}
{{- $_ := set $sysctls "net.ipv4.ping_group_range" "0 2147483647" -}}
{{- end -}}
{{- $sysctls = mergeOverwrite $sysctls (deepCopy .Values.sysctls) -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.user.uid }}
  runAsGroup: {{ .Values.user.gid }}
  fsGroup: {{ .Values.user.gid }}
  # Always would open the data directory to the group at every start, which PostgreSQL refuses.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
  {{- with $sysctls }}
  sysctls:
    {{- range $name, $value := . }}
    - { name: {{ $name }}, value: {{ $value | quote }} }
    {{- end }}
  {{- end }}
{{- end -}}

{{- define "gp-agent.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "gp-agent.placement" -}}
{{- $root := .root -}}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.affinity }}
affinity:
  {{- toYaml .values.affinity | nindent 2 }}
{{- else if ne .antiAffinity "none" }}
affinity:
  {{- include "gp-agent.anti-affinity" (dict "root" $root "from" .group "others" .partner "mode" .antiAffinity) | trim | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "gp-agent.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .group }}
{{- end -}}

{{/* startup and liveness ask over the agent's unix socket, which nobody on the network can keep busy. */}}
{{- define "gp-agent.probes" -}}
{{- $probes := .root.Values.probes -}}
startupProbe:
  exec: { command: [gp-agent, probe, live] }
  {{- toYaml $probes.startup | nindent 2 }}
livenessProbe:
  exec: { command: [gp-agent, probe, live] }
  {{- toYaml $probes.liveness | nindent 2 }}
readinessProbe:
  httpGet: { path: {{ .ready }}, port: http }
  {{- toYaml $probes.readiness | nindent 2 }}
{{- end -}}
