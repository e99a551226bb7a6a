CREATE TABLE IF NOT EXISTS fairlead.notice_state{{.OnCluster}}
(
    token        UInt64                COMMENT 'Fencing token of the run that wrote the row; the highest is in force; source: aggregator; privacy: none',
    noticed_to   UInt64                COMMENT 'Decisions of attributions with a token up to this have become notices, where anybody is to be told; source: aggregator; privacy: none',
    open_since   DateTime64(3, 'UTC')  COMMENT 'Every delivery that was queued before this has ended, which bounds the search for those that have not; unit: milliseconds; zone: UTC; source: aggregator; privacy: none',
    finished_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: where the telling of notices stands; privacy: none'
