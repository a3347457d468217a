{{/* The image, by digest where one is given. */}}
{{- define "ztunnel.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* Labels of every object. The argument is a list: the root, and the component. */}}
{{- define "ztunnel.labels" -}}
app.kubernetes.io/name: ztunnel
app.kubernetes.io/component: {{ last . }}
app.kubernetes.io/part-of: ztunnel
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
{{- end -}}

{{/* Where certificates are signed. */}}
{{- define "ztunnel.caAddress" -}}
{{ .Values.ca.address | default (printf "ztunnel-controller.%s.svc:15012" .Release.Namespace) }}
{{- end -}}

{{/* Arguments that all roles have. */}}
{{- define "ztunnel.commonArgs" -}}
- --kubernetes
- --root-namespace={{ .Release.Namespace }}
- --trust-domain={{ .Values.trustDomain }}
{{- range .Values.trustDomainAliases }}
- --trust-domain-alias={{ . }}
{{- end }}
- {{ printf "--log-level=%s" .Values.log.level | quote }}
- --access-log={{ .Values.log.access }}
{{- end -}}
