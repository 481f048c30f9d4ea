{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "porter.controller" -}}{{ .Values.fullnameOverride }}-controller{{- end }}
{{- define "porter.speaker" -}}{{ .Values.fullnameOverride }}-speaker{{- end }}

{{- /* Of every object. */}}
{{- define "porter.labels" -}}
app.kubernetes.io/name: porter
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Selectors do not change with a release: they cannot. */}}
{{- define "porter.controller.selector" -}}
app.kubernetes.io/name: porter
app.kubernetes.io/component: controller
{{- end }}
{{- define "porter.speaker.selector" -}}
app.kubernetes.io/name: porter
app.kubernetes.io/component: speaker
{{- end }}

{{- define "porter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* Flags that both processes have. */}}
{{- define "porter.flags" -}}
- --namespace=$(POD_NAMESPACE)
- --load-balancer-class={{ .Values.loadBalancerClass }}
- --log-level={{ .Values.logLevel }}
{{- if .Values.ignoreExcludeLabel }}
- --ignore-exclude-label
{{- end }}
{{- end }}

{{- define "porter.env" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}

{{- /* Where the speaker serves health and metrics. */}}
{{- define "porter.speaker.address" -}}
{{- if .Values.metrics.enabled }}{{ .Values.speaker.metricsAddress }}{{ else }}127.0.0.1{{ end }}
{{- end }}

{{- /* The kubelet asks the Pod's address, which is the node's, unless it is told another. */}}
{{- define "porter.speaker.probe" -}}
port: http
{{- $address := include "porter.speaker.address" . }}
{{- if and $address (ne $address "$(HOST_IP)") }}
host: {{ $address | quote }}
{{- end }}
{{- end }}
