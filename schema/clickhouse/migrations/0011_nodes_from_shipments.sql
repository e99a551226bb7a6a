CREATE MATERIALIZED VIEW IF NOT EXISTS fairlead.nodes_from_shipments{{.OnCluster}}
TO fairlead.nodes
(
    node        LowCardinality(String)                  COMMENT 'Journal; source: shipments; privacy: none',
    last_seq    SimpleAggregateFunction(max, UInt64)    COMMENT 'Highest seq that a shipment of the node covers; source: shipments; privacy: none',
    shipped_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the node''s last shipment or heartbeat was written; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none',
    latest      AggregateFunction(argMax, Tuple(complete_to DateTime64(3, 'UTC'), state Enum8('live' = 1, 'closed' = 2)), DateTime64(3, 'UTC'))
                                                        COMMENT 'complete_to and state of that last row; source: shipments; privacy: none'
)
AS
SELECT
    node,
    max(s.last_seq)   AS last_seq,
    max(s.shipped_at) AS shipped_at,
    argMaxState(CAST((s.complete_to, s.state), 'Tuple(complete_to DateTime64(3, \'UTC\'), state Enum8(\'live\' = 1, \'closed\' = 2))'), s.shipped_at) AS latest
FROM fairlead.shipments{{.Local}} AS s
GROUP BY node
COMMENT 'Keeps nodes up to date with every insert into shipments; privacy: none'
