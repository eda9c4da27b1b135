{{/* What a schema cannot say: values that do not go together. */}}
{{- define "cbr-operator.refuse" -}}
{{- $settings := .Values.settings }}
{{- if and (not $settings.leaderElection) (gt (int .Values.replicaCount) 1) }}
{{- fail "replicaCount must be 1 with settings.leaderElection=false: without a Lease, two would lead" }}
{{- end }}
{{- if gt (float64 $settings.pollMinSeconds) (float64 $settings.pollMaxSeconds) }}
{{- fail "settings.pollMinSeconds must not be greater than settings.pollMaxSeconds" }}
{{- end }}
{{- with .Values.terminationGracePeriodSeconds }}
{{- if le (float64 .) (float64 $settings.requestTimeoutSeconds) }}
{{- fail (printf "terminationGracePeriodSeconds=%v must be greater than settings.requestTimeoutSeconds=%v: a Pod that is killed during a call does not learn what became of it" . $settings.requestTimeoutSeconds) }}
{{- end }}
{{- end }}
{{- if and .Values.caBundle.configMapName .Values.caBundle.secretName }}
{{- fail "caBundle.configMapName and caBundle.secretName exclude each other: one file is read" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "CBR_OPERATOR_" .name }}
{{- fail (printf "extraEnv must not hold %s: it is set by a value under settings" .name) }}
{{- end }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor.enabled needs service.enabled: a ServiceMonitor finds the metrics by their Service" }}
{{- end }}
{{- end }}
