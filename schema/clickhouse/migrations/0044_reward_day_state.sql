CREATE TABLE IF NOT EXISTS fairlead.reward_day_state{{.OnCluster}}
(
    token         UInt64  COMMENT 'Fencing token of the last run that finished; the highest is in force; source: aggregator; privacy: none',
    booked        UInt64  COMMENT 'Highest token of the ledger''s rows that reward_days contains, those of payouts left out; source: ledger; privacy: none',
    booked_rows   UInt64  COMMENT 'Rows of that token that it contains: more may follow; unit: count; source: ledger; privacy: none',
    paid          UInt64  COMMENT 'Highest token of the ledger''s rows of payouts that reward_days contains; source: ledger; privacy: none',
    paid_rows     UInt64  COMMENT 'Rows of that token that it contains; unit: count; source: ledger; privacy: none',
    attributions  UInt64  COMMENT 'Highest token of attributions whose links reward_days contains; source: attribution_state; privacy: none',
    finished_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: up to where reward_days contains the ledger, whose rows two jobs write, each with tokens of its own; privacy: none'
