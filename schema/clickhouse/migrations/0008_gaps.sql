CREATE TABLE IF NOT EXISTS fairlead.gaps{{.Local}}{{.OnCluster}}
(
    node      LowCardinality(String)  COMMENT 'Journal in which the hits are missing; source: redirector; privacy: none' CODEC(ZSTD(1)),
    from_seq  UInt64                  COMMENT 'First seq that is missing; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    to_seq    UInt64                  COMMENT 'Last seq that is missing, inclusive; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    reason    LowCardinality(String)  COMMENT 'Why these hits could not be recorded, e.g. journal_full, undecodable; source: redirector; privacy: none' CODEC(ZSTD(1)),
    noted_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{shard "ReplacingMergeTree" "noted_at"}}
ORDER BY (node, from_seq, to_seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Facts: ranges of seq that will never arrive, each with its reason; a replay may repeat or overlap a range; privacy: none'
