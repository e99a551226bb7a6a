{{if .Cluster -}}
CREATE TABLE IF NOT EXISTS fairlead.conversions{{.OnCluster}}
AS fairlead.conversions_local
ENGINE = {{distributed "conversions_local"}}
COMMENT 'Facts: conversions of all shards; privacy: personal'
{{- end}}
