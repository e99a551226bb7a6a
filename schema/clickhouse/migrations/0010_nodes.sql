CREATE TABLE IF NOT EXISTS fairlead.nodes{{.OnCluster}}
(
    node        LowCardinality(String)                  COMMENT 'Journal; source: shipments; privacy: none',
    last_seq    SimpleAggregateFunction(max, UInt64)    COMMENT 'Highest seq that a shipment of the node covers; source: shipments; privacy: none',
    shipped_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the node''s last shipment or heartbeat was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none',
    latest      AggregateFunction(argMax, Tuple(complete_to DateTime64(3, 'UTC'), state Enum8('live' = 1, 'closed' = 2)), DateTime64(3, 'UTC'))
                                                        COMMENT 'complete_to and state of that last row; read with argMaxMerge; source: shipments; privacy: none'
)
ENGINE = {{everywhere "AggregatingMergeTree"}}
ORDER BY node
COMMENT 'Derived: where each node stands, so that nobody reads all of shipments for it; GROUP BY node when reading; privacy: none'
