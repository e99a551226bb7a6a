CREATE TABLE IF NOT EXISTS fairlead.reward_holds{{.OnCluster}}
(
    partner_id     UInt32                COMMENT 'Partner whose reward it is; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    reward_id      FixedString(16)       COMMENT 'Reward in the ledger; unit: bytes, hex(reward_id) in words; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    conversion_id  String                COMMENT 'Conversion of the sale or lead that the reward is for, empty: for none; source: conversions; privacy: pseudonymous' CODEC(ZSTD(1)),
    due_at         DateTime64(3, 'UTC')  COMMENT 'When the hold ends by what is known since; rows of the ledger with a higher token know better; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    token          UInt64                COMMENT 'Fencing token of the run that wrote it; the highest of a reward is in force: read with FINAL; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY (partner_id, reward_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: holds whose end has moved since the newest row of their reward was booked, as where a rule with another hold was backdated; privacy: pseudonymous'
