{{/* Keeps the pods of the group `from` away from those of the group `others`: include "gp-agent.anti-affinity"
     (dict "root" . "from" "segment-a" "others" "segment-b" "mode" "required"). */}}
{{- define "gp-agent.anti-affinity" -}}
{{- $pairwise := and (ne .from .others) (semverCompare ">=1.31-0" .root.Capabilities.KubeVersion.Version) -}}
{{- if ne .mode "none" }}
podAntiAffinity:
  {{- if eq .mode "required" }}
  requiredDuringSchedulingIgnoredDuringExecution:
    - {{ include "gp-agent.affinity-term" (dict "in" . "pairwise" $pairwise "key" .root.Values.antiAffinity.topologyKey) | indent 6 | trim }}
  {{- end }}
  preferredDuringSchedulingIgnoredDuringExecution:
    {{- if eq .mode "preferred" }}
    - weight: 100
      podAffinityTerm:
        {{- include "gp-agent.affinity-term" (dict "in" . "pairwise" $pairwise "key" .root.Values.antiAffinity.topologyKey) | nindent 8 }}
    {{- end }}
    - weight: 50
      podAffinityTerm:
        {{- include "gp-agent.affinity-term" (dict "in" . "pairwise" $pairwise "key" "topology.kubernetes.io/zone") | nindent 8 }}
{{- end }}
{{- end -}}

{{/* One term. Pairwise: the API server adds the pod's own ordinal to the selector (beta and on since 1.31). */}}
{{- define "gp-agent.affinity-term" -}}
topologyKey: {{ .key }}
labelSelector:
  matchLabels:
    {{- include "gp-agent.selector" .in.root | nindent 4 }}
    app.kubernetes.io/component: {{ .in.others }}
{{- if .pairwise }}
matchLabelKeys: [apps.kubernetes.io/pod-index]
{{- end }}
{{- end -}}
