CREATE TABLE IF NOT EXISTS fairlead.notices{{.OnCluster}}
(
    event_id    String                  COMMENT 'What the receiver knows the notice by, the same for every delivery of it; unit: evt_ and 32 hexadecimal digits; source: hash of subject, audience, ordinal and what is told; privacy: none' CODEC(ZSTD(1)),
    subject     String                  COMMENT 'What it is about: conversion_id; source: attributions; privacy: pseudonymous' CODEC(ZSTD(1)),
    audience    UInt32                  COMMENT 'Who is told: 0 the merchant, otherwise this partner; source: attributions; privacy: none' CODEC(ZSTD(1)),
    ordinal     UInt32                  COMMENT 'How many notices this audience has had of this subject, with this one; the highest is what it knows; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    type        LowCardinality(String)  COMMENT 'What is told, e.g. sale.created; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    test        Bool                    COMMENT 'Of a test; source: attributions; privacy: none' CODEC(ZSTD(1)),
    node        LowCardinality(String)  COMMENT 'Key of the report that it is about: its journal; source: attributions; privacy: none' CODEC(ZSTD(1)),
    seq         UInt64                  COMMENT 'Key of the report that it is about: its number; unit: ordinal; source: attributions; privacy: none' CODEC(ZSTD(1)),
    partner_id  UInt32                  COMMENT 'Partner who is credited by what is told, 0: nobody, it is withdrawn; source: attributions; privacy: none' CODEC(ZSTD(1)),
    amount      Int64                   COMMENT 'Amount that is told; unit: minor units of currency; source: attributions; privacy: none' CODEC(ZSTD(1)),
    currency    LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217, empty: no amount; source: attributions; privacy: none' CODEC(ZSTD(1)),
    body        String                  COMMENT 'What is sent to webhooks, byte for byte, and what the macros of postbacks stand for; unit: JSON; source: aggregator; privacy: personal' CODEC(ZSTD(3)),
    webhooks    Array(UInt32)           COMMENT 'Webhooks that it is delivered to; source: directory; privacy: none' CODEC(ZSTD(1)),
    postbacks   Array(UInt32)           COMMENT 'Partners to whose postbacks it is delivered; source: directory; privacy: none' CODEC(ZSTD(1)),
    created_at  DateTime64(3, 'UTC')    COMMENT 'When it was found that this has to be told; unit: milliseconds; zone: UTC; source: clock of the aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    token       UInt64                  COMMENT 'Fencing token of the run that found it; of two rows of one subject, audience and ordinal the higher is in force; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    INDEX event_id event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX subject subject TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX token token TYPE minmax GRANULARITY 1
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(created_at)
ORDER BY (toDate(created_at), subject, audience, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: what merchants and partners had to be told of decisions, and to which endpoints; append-only; privacy: personal'
