CREATE TABLE IF NOT EXISTS fairlead.deliveries{{.OnCluster}}
(
    event_id      String                  COMMENT 'Notice that was delivered; source: notices; privacy: none' CODEC(ZSTD(1)),
    endpoint      Enum8('webhook' = 1, 'postback' = 2)
                                          COMMENT 'Kind of endpoint; source: directory; privacy: none' CODEC(ZSTD(1)),
    endpoint_id   UInt32                  COMMENT 'Number of the webhook, or of the partner whose postback it is; source: directory; privacy: none' CODEC(ZSTD(1)),
    queued_at     DateTime64(3, 'UTC')    COMMENT 'Tells deliveries of one notice to one endpoint apart: created_at of the notice, or when it was asked for again; unit: milliseconds; zone: UTC; source: clock of the aggregator or of the command; privacy: none' CODEC(Delta, ZSTD(1)),
    attempt       UInt32                  COMMENT 'Number of the attempt, from 1; 0: it was asked for again by a person; unit: ordinal; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    attempted_at  DateTime64(3, 'UTC')    COMMENT 'When it was sent, or asked for; unit: milliseconds; zone: UTC; source: clock of the aggregator or of the command; privacy: none' CODEC(Delta, ZSTD(1)),
    state         Enum8('asked' = 1, 'retry' = 2, 'delivered' = 3, 'failed' = 4, 'skipped' = 5)
                                          COMMENT 'What came of it: asked for, to be tried again at next_at, taken by the receiver, given up, or not sent because the endpoint is disabled or removed; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    status        UInt16                  COMMENT 'Status of the answer, 0: there was none; unit: HTTP status; source: the receiver; privacy: none' CODEC(ZSTD(1)),
    reason        LowCardinality(String)  COMMENT 'Why it was not taken: status, address, name, connect, tls, time, answer, disabled, removed; empty: it was; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    error         String                  COMMENT 'That in words, without the address; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    answer        String                  COMMENT 'Beginning of the answer''s body, clipped; source: the receiver; privacy: personal' CODEC(ZSTD(1)),
    took          UInt32                  COMMENT 'From the look-up of the name to the end of the answer; unit: milliseconds; source: clock of the aggregator; privacy: none' CODEC(ZSTD(1)),
    next_at       DateTime64(3, 'UTC')    COMMENT 'When it is tried again, 1970: it is not; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    token         UInt64                  COMMENT 'Fencing token of the run that sent it, 0: a person''s; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    actor         LowCardinality(String)  COMMENT 'Who asked for it again, empty: nobody; source: the writer; privacy: pseudonymous' CODEC(ZSTD(1)),
    INDEX event_id event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX token token TYPE minmax GRANULARITY 1
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(queued_at)
ORDER BY (toDate(queued_at), endpoint, endpoint_id, event_id, queued_at, attempt)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: every attempt to deliver a notice to an endpoint; append-only; the row with the highest attempt says how a delivery stands; privacy: personal'
