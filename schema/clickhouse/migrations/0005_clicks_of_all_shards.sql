{{if .Cluster -}}
CREATE TABLE IF NOT EXISTS fairlead.clicks{{.OnCluster}}
AS fairlead.clicks_local
ENGINE = {{distributed "clicks_local"}}
COMMENT 'Facts: clicks of all shards; a node''s hits lie on one of them; privacy: pseudonymous'
{{- end}}
