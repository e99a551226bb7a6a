{{if .Cluster -}}
CREATE TABLE IF NOT EXISTS fairlead.gaps{{.OnCluster}}
AS fairlead.gaps_local
ENGINE = {{distributed "gaps_local"}}
COMMENT 'Facts: gaps of all shards; privacy: none'
{{- end}}
