{{if .Cluster -}}
CREATE TABLE IF NOT EXISTS fairlead.shipments{{.OnCluster}}
AS fairlead.shipments_local
ENGINE = {{distributed "shipments_local"}}
COMMENT 'Facts: shipments of all shards; privacy: none'
{{- end}}
