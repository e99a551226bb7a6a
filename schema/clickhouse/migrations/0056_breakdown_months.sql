CREATE TABLE IF NOT EXISTS fairlead.breakdown_months{{.OnCluster}}
(
    partner_id  UInt32  COMMENT 'Partner; source: breakdown_days; privacy: none' CODEC(Delta, ZSTD(1)),
    dimension   Enum8('country' = 1, 'device' = 2, 'browser' = 3, 'referrer' = 4, 'sub_id' = 5, 'landing_page' = 6)
                        COMMENT 'What the clicks are told apart by; source: breakdown_days; privacy: none' CODEC(ZSTD(1)),
    month       Date    COMMENT 'First day of the calendar month; zone: the program''s; source: breakdown_days; privacy: none' CODEC(Delta, ZSTD(1)),
    rest        Bool    COMMENT 'The row is what is left: the rest of each day, and the values beyond the thousand most frequent of this partner, dimension and month; source: breakdown_days; privacy: none' CODEC(ZSTD(1)),
    value       String  COMMENT 'Value, empty: unknown, or of the rest; without the clicks of days on which it was in the rest; source: breakdown_days; privacy: none' CODEC(ZSTD(1)),
    clicks      UInt64  COMMENT 'Clicks: sum of the days; unit: count; source: breakdown_days; privacy: none' CODEC(T64, ZSTD(1)),
    visitors    UInt64  COMMENT 'Unique visitors of each day, summed up; unit: count; source: breakdown_days; privacy: none' CODEC(T64, ZSTD(1)),
    token       UInt64  COMMENT 'Fencing token of the rollup run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(month)
ORDER BY (partner_id, dimension, rest, value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Derived: breakdown_days summed up by month, of every month but the newest: that one is the sum of its days; whole months are swapped in; privacy: none'
