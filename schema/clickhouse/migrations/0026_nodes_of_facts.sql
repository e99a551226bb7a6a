ALTER TABLE fairlead.nodes{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS fact SimpleAggregateFunction(max, Enum8('clicks' = 1, 'conversions' = 2)) DEFAULT 'clicks' COMMENT 'What the journal holds; source: shipments; privacy: none'
