CREATE MATERIALIZED VIEW IF NOT EXISTS fairlead.nodes_of_conversions{{.OnCluster}}
TO fairlead.nodes
(
    node  LowCardinality(String)  COMMENT 'Journal of conversions; source: shipments; privacy: none',
    fact  SimpleAggregateFunction(max, Enum8('clicks' = 1, 'conversions' = 2)) COMMENT 'What the journal holds; source: shipments; privacy: none'
)
AS
SELECT
    node,
    max(s.fact)  AS fact
FROM fairlead.shipments{{.Local}} AS s
WHERE s.fact = 'conversions'
GROUP BY node
COMMENT 'Marks journals of conversions in nodes with every insert into shipments: a job for one kind of facts looks for its own nodes; privacy: none'
