CREATE TABLE IF NOT EXISTS fairlead.payout_cut_offs{{.OnCluster}}
(
    cut_off             DateTime64(3, 'UTC')    COMMENT 'At which everything was drafted that was to be; unit: milliseconds; zone: UTC; source: aggregator; privacy: none',
    finished_at         DateTime64(3, 'UTC')    COMMENT 'When that was done; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none',
    actor               LowCardinality(String)  COMMENT 'Who had it done; source: the writer; privacy: pseudonymous',
    drafted             UInt32                  COMMENT 'Drafts that the run made which finished it; unit: payouts; source: aggregator; privacy: none',
    carried_partners    Array(UInt32)           COMMENT 'Partners of what was carried over; source: ledger; privacy: none',
    carried_currencies  Array(String)           COMMENT 'Currencies of that; unit: ISO 4217; source: ledger; privacy: none',
    carried_amounts     Array(Int64)            COMMENT 'Amounts of that, below zero: more was taken back than there is; unit: minor units; source: ledger; privacy: none',
    carried_reasons     Array(String)           COMMENT 'Why: negative, minimum, no_method, drafted, suspended or not_at_once; source: aggregator; privacy: none',
    carried_details     Array(String)           COMMENT 'What the partner''s payout method lacks, empty: nothing; source: aggregator; privacy: none',
    token               UInt64                  COMMENT 'Fencing token of the run that wrote the row; read with FINAL; source: aggregator; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY cut_off
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Cut-offs at which payouts were drafted, and what was carried over to the next; read with FINAL; privacy: pseudonymous'
