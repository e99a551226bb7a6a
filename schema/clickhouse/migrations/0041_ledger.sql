CREATE TABLE IF NOT EXISTS fairlead.ledger{{.OnCluster}}
(
    id             FixedString(16)         COMMENT 'Follows from the reward, the cause and the row''s place among those of that cause: nothing is booked twice; unit: bytes, hex(id) in words; source: aggregator; privacy: none',
    booked_at      DateTime64(3, 'UTC')    COMMENT 'When the row was written; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    at             DateTime64(3, 'UTC')    COMMENT 'When it happened in the business: of the sale, of the refund, the end of the hold, the payout; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    due_at         DateTime64(3, 'UTC')    COMMENT 'When the reward''s hold ends by what was known as the row was written, 1970: it has none that ends; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    partner_id     UInt32                  COMMENT 'Partner whose reward it is; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    reward_id      FixedString(16)         COMMENT 'Reward: what the partner has of one sale, lead, entry by hand or opening balance; unit: bytes, hex(reward_id) in words; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    debit          Enum8('expense' = 1, 'opening' = 2, 'review' = 3, 'holding' = 4, 'payable' = 5, 'processing' = 6, 'paid' = 7)
                                           COMMENT 'Account that the amount leaves; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    credit         Enum8('expense' = 1, 'opening' = 2, 'review' = 3, 'holding' = 4, 'payable' = 5, 'processing' = 6, 'paid' = 7)
                                           COMMENT 'Account that it enters; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    amount         Int64                   COMMENT 'Amount, above zero; unit: minor units of currency; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    currency       LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    kind           Enum8('earned' = 1, 'adjusted' = 2, 'added' = 3, 'reversed' = 4, 'opening' = 5, 'released' = 6, 'review' = 7, 'cleared' = 8, 'payout' = 9)
                                           COMMENT 'Why it was booked; up to opening it changes what the reward amounts to, the others move it; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    cause          String                  COMMENT 'What kind names: a conversion_id, an entry by hand, a partner, a reward, a payout; source: aggregator; privacy: pseudonymous' CODEC(ZSTD(1)),
    rule_id        UInt32                  COMMENT 'Rule by which the reward was reckoned, 0: by none; source: directory_log; privacy: none' CODEC(ZSTD(1)),
    conversion_id  String                  COMMENT 'Conversion of the sale or lead that the reward is for, empty: for none; source: conversions; privacy: pseudonymous' CODEC(ZSTD(1)),
    note           String                  COMMENT 'In words, where the cause does not tell all; source: aggregator or whoever entered it; privacy: pseudonymous' CODEC(ZSTD(1)),
    token          UInt64                  COMMENT 'Fencing token of the run that booked it; of rows with one id the highest is in force: read with FINAL; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    INDEX conversion_id conversion_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX cause cause TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX token token TYPE minmax GRANULARITY 1,
    CONSTRAINT something CHECK amount > 0,
    CONSTRAINT elsewhere CHECK debit != credit
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY (partner_id, reward_id, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'The ledger: one row a transfer of an amount from one account to another, never changed; per currency all accounts together are zero; read with FINAL; privacy: pseudonymous'
