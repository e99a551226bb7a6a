CREATE TABLE IF NOT EXISTS fairlead.attribution_state{{.OnCluster}}
(
    token              UInt64                COMMENT 'Fencing token of the last run that finished: sale_days contains every row of attributions up to it; the highest is in force; source: aggregator; privacy: none',
    directory_version  UInt64                COMMENT 'Version of directory_log that the attributions take account of: partners, links, settings, coupons, claims; source: aggregator; privacy: none',
    rates_to           DateTime64(3, 'UTC')  COMMENT 'Rates noted up to this moment are taken account of; unit: milliseconds; zone: UTC; source: aggregator; privacy: none',
    finished_at        DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: where attribution stands; rows of attributions with a higher token are of a run that was cut short; privacy: none'
