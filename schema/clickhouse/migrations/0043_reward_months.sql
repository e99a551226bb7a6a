CREATE TABLE IF NOT EXISTS fairlead.reward_months{{.OnCluster}}
(
    month     UInt32                  COMMENT 'Calendar month; unit: yyyymm; zone: the program''s; source: aggregator; privacy: none',
    zone      LowCardinality(String)  COMMENT 'Time zone in which the month''s days were cut; unit: IANA name; source: directory; privacy: none',
    token     UInt64                  COMMENT 'Fencing token of the run that put the rows in reward_days of this month; source: aggregator; privacy: none',
    summed_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY month
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: which run computed each month of reward_days, and in which zone; privacy: none'
