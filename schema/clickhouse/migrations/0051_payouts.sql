CREATE TABLE IF NOT EXISTS fairlead.payouts{{.OnCluster}}
(
    id                FixedString(16)         COMMENT 'Follows from the program, the partner, the currency and the cut-off; what providers know the payout by; unit: bytes, hex(id) in words; source: aggregator; privacy: none',
    version           UInt32                  COMMENT 'Number of the version, the highest is in force; unit: ordinal, from 1; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    status            Enum8('draft' = 1, 'approved' = 2, 'processing' = 3, 'sent' = 4, 'completed' = 5, 'failed' = 6, 'returned' = 7, 'canceled' = 8)
                                              COMMENT 'How far the payout is; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    partner_id        UInt32                  COMMENT 'Partner who is paid; source: ledger; privacy: none' CODEC(ZSTD(1)),
    amount            Int64                   COMMENT 'Amount, above zero; unit: minor units of currency; source: ledger; privacy: none' CODEC(ZSTD(1)),
    currency          LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217; source: ledger; privacy: none' CODEC(ZSTD(1)),
    cut_off           DateTime64(3, 'UTC')    COMMENT 'What was due by then is in it; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    rewards           UInt32                  COMMENT 'How many rewards it pays; unit: rewards; source: ledger; privacy: none' CODEC(ZSTD(1)),
    method            LowCardinality(String)  COMMENT 'stripe, paypal or bank; source: directory_log; privacy: none' CODEC(ZSTD(1)),
    masked            String                  COMMENT 'Where it goes, as far as people are shown that; source: directory_log; privacy: personal' CODEC(ZSTD(1)),
    stripe_account    String                  COMMENT 'Account at Stripe that it goes to, empty: none, or not sent yet; source: directory_log; privacy: pseudonymous' CODEC(ZSTD(1)),
    payee             String                  COMMENT 'Who is paid, and where, as it was when it was sent; empty: not sent yet; unit: sealed JSON; source: directory_log; privacy: secret' CODEC(ZSTD(1)),
    ref               String                  COMMENT 'What the provider calls it, or the name of the bank''s batch; source: the provider; privacy: pseudonymous' CODEC(ZSTD(1)),
    reason            String                  COMMENT 'Why it came to this status, in words; source: the provider or whoever decided; privacy: personal' CODEC(ZSTD(1)),
    approvals         Array(String)           COMMENT 'Who has approved it; source: whoever did; privacy: pseudonymous' CODEC(ZSTD(1)),
    created_at        DateTime64(3, 'UTC')    COMMENT 'When it was drafted; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    sent_at           DateTime64(3, 'UTC')    COMMENT 'When it was handed over first, 1970: not yet; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    completed_at      DateTime64(3, 'UTC')    COMMENT 'When it was known that the partner has it, 1970: not yet; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    changed_at        DateTime64(3, 'UTC')    COMMENT 'When this version was written; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none' CODEC(Delta, ZSTD(1)),
    actor             LowCardinality(String)  COMMENT 'Who brought it to this status; source: the writer; privacy: pseudonymous' CODEC(ZSTD(1)),
    token             UInt64                  COMMENT 'Fencing token of the run that wrote the row; of two of one version the higher is in force: read with FINAL; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    part_rewards      Array(FixedString(16))  COMMENT 'Rewards that it pays; of version 1 only; unit: bytes; source: ledger; privacy: none' CODEC(ZSTD(1)),
    part_amounts      Array(Int64)            COMMENT 'What it pays of each, below zero: taken back after it was paid; unit: minor units of currency; source: ledger; privacy: none' CODEC(ZSTD(1)),
    part_rules        Array(UInt32)           COMMENT 'Rule of each, 0: by none; source: ledger; privacy: none' CODEC(ZSTD(1)),
    part_conversions  Array(String)           COMMENT 'Conversion of the sale or lead of each, empty: for none; source: ledger; privacy: pseudonymous' CODEC(ZSTD(1)),
    INDEX token token TYPE minmax GRANULARITY 1,
    CONSTRAINT something CHECK amount > 0,
    CONSTRAINT numbered CHECK version > 0
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY (id, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Payouts: one row a change of status, never changed; what they pay is booked in the ledger; read with FINAL; privacy: secret'
