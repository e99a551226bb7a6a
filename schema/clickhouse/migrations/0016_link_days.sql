CREATE TABLE IF NOT EXISTS fairlead.link_days{{.OnCluster}}
(
    partner_id     UInt32  COMMENT 'Partner, 0: nobody (unknown slugs); source: clicks; privacy: none' CODEC(Delta, ZSTD(1)),
    link_id        UInt32  COMMENT 'Link, 0: none (unknown slugs); source: clicks; privacy: none' CODEC(Delta, ZSTD(1)),
    day            Date    COMMENT 'Calendar day; zone: the program''s; source: clicked_at; privacy: none' CODEC(Delta, ZSTD(1)),
    clicks         UInt64  COMMENT 'Clicks: hits with verdict valid, repeats included; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    visitors       UInt64  COMMENT 'Unique visitors of these clicks on this day, those without a visitor hash left out; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    bots           UInt64  COMMENT 'Hits with verdict bot; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    prefetches     UInt64  COMMENT 'Hits with verdict prefetch; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    embedded       UInt64  COMMENT 'Hits with verdict embedded; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    unknown_links  UInt64  COMMENT 'Hits with verdict unknown_link; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    suspended      UInt64  COMMENT 'Hits with verdict suspended; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    disabled       UInt64  COMMENT 'Hits with verdict disabled; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    expired        UInt64  COMMENT 'Hits with verdict expired; unit: count; source: clicks; privacy: none' CODEC(T64, ZSTD(1)),
    token          UInt64  COMMENT 'Fencing token of the rollup run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (partner_id, link_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: figures by link and program-day; whole months are swapped in, nothing is ever added to a row; privacy: none'
