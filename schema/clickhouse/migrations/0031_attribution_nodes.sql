CREATE TABLE IF NOT EXISTS fairlead.attribution_nodes{{.OnCluster}}
(
    node     LowCardinality(String)  COMMENT 'Journal of conversions; source: attribution_log; privacy: none',
    done_to  UInt64                  COMMENT 'Every shipment of the node up to this seq stands in attribution_log, without a hole; source: aggregator; privacy: none',
    token    UInt64                  COMMENT 'Fencing token of the run that wrote the row; the highest is in force; source: aggregator; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
ORDER BY node
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: up to where the conversions of each node are decided, which bounds the search for what is new; privacy: none'
