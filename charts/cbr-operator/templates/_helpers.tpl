{{/*
Every kind that users write, with what the operator does with it; its status is patched, too. A new kind is one more
line, with `cluster: true` if it is cluster-scoped: such kinds are off where only some namespaces are watched. `policies`
are the verbs that the cluster-scoped policies need on the Schedules they keep.
*/}}
{{- define "cbr-operator.kinds" -}}
- {plural: checkpointreplications, verbs: [get, list, watch, create, delete]}
- {plural: checkpointreplicationschedules, verbs: [get, list, watch], policies: [create, patch, delete]}
- {plural: cbrconnections, verbs: [get, list, watch]}
- {plural: clustercheckpointreplicationpolicies, verbs: [get, list, watch], cluster: true}
- {plural: clustercbrconnections, verbs: [get, list, watch], cluster: true}
{{- end }}

{{/* Names. */}}
{{- define "cbr-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "cbr-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "cbr-operator.serviceAccountName" -}}
{{- default (ternary (include "cbr-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "cbr-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* Labels and annotations. */}}
{{- define "cbr-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cbr-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cbr-operator.labels" -}}
{{- $own := fromYaml (include "cbr-operator.selectorLabels" .) }}
{{- $more := dict
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- toYaml (merge $own $more .Values.commonLabels) }}
{{- end }}

{{/* The metadata that everything has. Takes a list: the root, then further annotations and labels, which may be empty. */}}
{{- define "cbr-operator.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- $labels := fromYaml (include "cbr-operator.labels" $root) }}
  {{- toYaml (merge $labels (index . 2)) | nindent 2 }}
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The environment: CBR_OPERATOR_SETTLE_SECONDS from settings.settleSeconds, and so on; what is empty is left out. */}}
{{- define "cbr-operator.environment" -}}
- name: CBR_OPERATOR_OPERATOR_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- $settings := dict "namespaces" .Values.watchNamespaces }}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
{{- $_ := set $settings "caFile" (printf "/etc/cbr-operator/ca/%s" .Values.caBundle.key) }}
{{- end }}
{{- range $name, $value := merge $settings .Values.settings }}
{{- if or (kindIs "bool" $value) $value }}
- name: CBR_OPERATOR_{{ snakecase $name | upper }}
  value: {{ include "cbr-operator.settingText" $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cbr-operator.settingText" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{/* How long a Pod may take to leave: its calls under way, the writing of their answers, and a little more. */}}
{{- define "cbr-operator.terminationGracePeriodSeconds" -}}
{{- $settings := .Values.settings }}
{{- $given := .Values.terminationGracePeriodSeconds }}
{{- if kindIs "invalid" $given }}
{{- add (ceil $settings.requestTimeoutSeconds) (ceil $settings.settleSeconds) 10 }}
{{- else }}
{{- int $given }}
{{- end }}
{{- end }}
