CREATE TABLE IF NOT EXISTS fairlead.rates{{.OnCluster}}
(
    day       Date                    COMMENT 'First day on which the rate holds, until the next one; zone: the program''s; source: fairlead rates; privacy: none' CODEC(Delta, ZSTD(1)),
    currency  LowCardinality(String)  COMMENT 'Currency that is converted; unit: ISO 4217; source: fairlead rates; privacy: none' CODEC(ZSTD(1)),
    base      LowCardinality(String)  COMMENT 'Currency that it is converted into; unit: ISO 4217; source: fairlead rates; privacy: none' CODEC(ZSTD(1)),
    rate      Decimal(27, 12)         COMMENT 'What one main unit of currency is worth; unit: main units of base; source: fairlead rates; privacy: none' CODEC(ZSTD(1)),
    noted_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; the latest is in force; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    actor     String                  COMMENT 'Who wrote it; source: the writer; privacy: pseudonymous' CODEC(ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
ORDER BY (base, currency, day, noted_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: every exchange rate that was ever given; privacy: none'
