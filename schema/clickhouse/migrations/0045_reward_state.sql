CREATE TABLE IF NOT EXISTS fairlead.reward_state{{.OnCluster}}
(
    token              UInt64                COMMENT 'Fencing token of the last run that finished: rows of the ledger that carry a higher one, and no payout, are of a run that was cut short; the highest is in force; source: aggregator; privacy: none',
    attributed_to      UInt64                COMMENT 'Rewards of what attributions decided with a token up to this are booked; source: aggregator; privacy: none',
    directory_version  UInt64                COMMENT 'Version of directory_log that the ledger takes account of: rules, settings, groups, openings, entries by hand; source: aggregator; privacy: none',
    due_to             DateTime64(3, 'UTC')  COMMENT 'Holds that ended up to this moment are released; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none',
    finished_at        DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: where the booking of rewards stands; privacy: none'
