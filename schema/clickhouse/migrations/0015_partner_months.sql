CREATE TABLE IF NOT EXISTS fairlead.partner_months{{.OnCluster}}
(
    partner_id     UInt32  COMMENT 'Partner, 0: nobody (unknown slugs); source: partner_days; privacy: none' CODEC(Delta, ZSTD(1)),
    month          Date    COMMENT 'First day of the calendar month; zone: the program''s; source: partner_days; privacy: none' CODEC(Delta, ZSTD(1)),
    clicks         UInt64  COMMENT 'Clicks: hits with verdict valid, repeats included; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    visitors       UInt64  COMMENT 'Unique visitors of these clicks on each day, summed over the days; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    bots           UInt64  COMMENT 'Hits with verdict bot; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    prefetches     UInt64  COMMENT 'Hits with verdict prefetch; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    embedded       UInt64  COMMENT 'Hits with verdict embedded; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    unknown_links  UInt64  COMMENT 'Hits with verdict unknown_link; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    suspended      UInt64  COMMENT 'Hits with verdict suspended; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    disabled       UInt64  COMMENT 'Hits with verdict disabled; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    expired        UInt64  COMMENT 'Hits with verdict expired; unit: count; source: partner_days; privacy: none' CODEC(T64, ZSTD(1)),
    token          UInt64  COMMENT 'Fencing token of the rollup run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
ORDER BY (partner_id, month)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: figures by partner and month, the sums of partner_days; swapped in whole; privacy: none'
