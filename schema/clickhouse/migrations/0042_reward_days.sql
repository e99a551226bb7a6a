CREATE TABLE IF NOT EXISTS fairlead.reward_days{{.OnCluster}}
(
    partner_id  UInt32                  COMMENT 'Partner whose rewards they are; source: ledger; privacy: none' CODEC(Delta, ZSTD(1)),
    link_id     UInt32                  COMMENT 'Link of the click that decided for the partner, 0: a coupon, a claim or the merchant''s word did, or it is no reward for a conversion, or is the partner''s no more; source: attributions; privacy: none' CODEC(Delta, ZSTD(1)),
    day         Date                    COMMENT 'Calendar day on which the rewards were earned, whatever happened to them later; zone: the program''s; source: ledger; privacy: none' CODEC(Delta, ZSTD(1)),
    currency    LowCardinality(String)  COMMENT 'Currency of the rewards; unit: ISO 4217; source: ledger; privacy: none' CODEC(ZSTD(1)),
    paid        Int64                   COMMENT 'What of them was received, Rewards - Paid; unit: minor units of currency; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    holding     Int64                   COMMENT 'What of them is held; with payable, processing and review Rewards - Pending; unit: minor units of currency; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    payable     Int64                   COMMENT 'What of them goes into the next payout, below zero: was taken back after it was paid; unit: minor units of currency; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    processing  Int64                   COMMENT 'What of them is in a payout that is under way; unit: minor units of currency; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    review      Int64                   COMMENT 'What of them is under review; unit: minor units of currency; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    rewards     UInt64                  COMMENT 'Rewards, those of which nothing stands anywhere left out; unit: count; source: ledger; privacy: none' CODEC(T64, ZSTD(1)),
    token       UInt64                  COMMENT 'Fencing token of the run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (partner_id, link_id, day, currency)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: rewards by partner, link and the program-day on which they were earned; paid and pending together are what that day earned; whole months are swapped in, nothing is ever added to a row; privacy: none'
