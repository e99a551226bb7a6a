CREATE TABLE IF NOT EXISTS fairlead.breakdown_days{{.OnCluster}}
(
    partner_id  UInt32  COMMENT 'Partner; source: clicks; privacy: none' CODEC(Delta, ZSTD(1)),
    dimension   Enum8('country' = 1, 'device' = 2, 'browser' = 3, 'referrer' = 4, 'sub_id' = 5, 'landing_page' = 6)
                        COMMENT 'What the clicks are told apart by: columns of clicks, the referrer by its host, the landing page by the path of destination; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    day         Date    COMMENT 'Calendar day; zone: the program''s; source: clicked_at; privacy: none' CODEC(Delta, ZSTD(1)),
    rest        Bool    COMMENT 'The row is what is left: the clicks of all values beyond the thousand most frequent of this partner, dimension and day; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    value       String  COMMENT 'Value, empty: unknown, or of the rest; source: clicks; privacy: none' CODEC(ZSTD(1)),
    clicks      UInt64  COMMENT 'Clicks: hits with verdict valid, repeats included; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    visitors    UInt64  COMMENT 'Unique visitors of these clicks on this day, those without a visitor hash left out; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    token       UInt64  COMMENT 'Fencing token of the rollup run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY day
ORDER BY (partner_id, dimension, rest, value)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 1024
COMMENT 'Derived: clicks by partner, program-day and what they are told apart by; of each dimension the rows add up to the clicks of partner_days; whole days are swapped in; privacy: none'
