CREATE TABLE IF NOT EXISTS fairlead.shipments{{.Local}}{{.OnCluster}}
(
    node         LowCardinality(String)           COMMENT 'Journal whose hits landed; source: redirector; privacy: none' CODEC(ZSTD(1)),
    month        UInt32                           COMMENT 'Month of clicked_at of the rows; unit: yyyymm, 0: heartbeat without rows; zone: UTC; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    first_seq    UInt64                           COMMENT 'First seq of the batch, the same in every month that the batch touches; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    last_seq     UInt64                           COMMENT 'Last seq of the batch, inclusive; first_seq - 1 in a heartbeat; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    rows         UInt64                           COMMENT 'Rows of the batch in this month; unit: count; source: redirector; privacy: none' CODEC(ZSTD(1)),
    checksum     UInt64                           COMMENT 'Exclusive or of click_tag of these rows, recounted by groupBitXor(click_tag); source: redirector; privacy: none' CODEC(ZSTD(1)),
    quarters     Array(DateTime('UTC'))           COMMENT 'Starts of the quarter-hours that these rows touch; unit: seconds; zone: UTC; source: redirector; privacy: none' CODEC(ZSTD(1)),
    complete_to  DateTime64(3, 'UTC')             COMMENT 'Whatever this node answered before this moment has landed; unit: milliseconds; zone: UTC; source: clock of the redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    state        Enum8('live' = 1, 'closed' = 2)  COMMENT 'live: more may come; closed: stopped in order, no longer holds back what is complete; source: redirector; privacy: none' CODEC(ZSTD(1)),
    shipped_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{shard "ReplacingMergeTree" "shipped_at"}}
ORDER BY (node, month, first_seq)
TTL toDateTime(shipped_at) + INTERVAL 7 DAY DELETE WHERE month = 0
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Facts: one row for every batch and month whose rows are confirmed in clicks, and the nodes'' heartbeats (kept for a week); the ranges of a node cover its seq without a hole; privacy: none'
