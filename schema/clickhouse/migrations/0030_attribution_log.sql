CREATE TABLE IF NOT EXISTS fairlead.attribution_log{{.OnCluster}}
(
    node       LowCardinality(String)  COMMENT 'Key of the shipment whose conversions have been decided: its node; source: shipments; privacy: none' CODEC(ZSTD(1)),
    month      UInt32                  COMMENT 'Key of the shipment: its month; unit: yyyymm; zone: UTC; source: shipments; privacy: none' CODEC(Delta, ZSTD(1)),
    first_seq  UInt64                  COMMENT 'Key of the shipment: its first seq; source: shipments; privacy: none' CODEC(Delta, ZSTD(1)),
    last_seq   UInt64                  COMMENT 'Last seq of the shipment when it was decided; source: shipments; privacy: none' CODEC(Delta, ZSTD(1)),
    rows       UInt64                  COMMENT 'Rows of the shipment when it was decided; unit: count; source: shipments; privacy: none' CODEC(ZSTD(1)),
    checksum   UInt64                  COMMENT 'Checksum of the shipment when it was decided; source: shipments; privacy: none' CODEC(ZSTD(1)),
    token      UInt64                  COMMENT 'Fencing token of the run that did it; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    done_at    DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY (node, month, first_seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: which shipments the attributions contain; a shipment of conversions that is not here, or differs, is new; privacy: none'
