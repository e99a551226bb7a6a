{{if .Cluster -}}
ALTER TABLE fairlead.shipments{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS fact Enum8('clicks' = 1, 'conversions' = 2) DEFAULT 'clicks' COMMENT 'Table in which the rows stand; the checksum of conversions is groupBitXor(record_hash); source: redirector; privacy: none'
{{- end}}
