CREATE TABLE IF NOT EXISTS fairlead.attributions{{.OnCluster}}
(
    node           LowCardinality(String)  COMMENT 'Key of the report in conversions: its journal; source: conversions; privacy: none' CODEC(ZSTD(1)),
    seq            UInt64                  COMMENT 'Key of the report in conversions: its number; unit: ordinal; source: conversions; privacy: none' CODEC(Delta, ZSTD(1)),
    token          UInt64                  COMMENT 'Fencing token of the run that decided it; the highest is in force: read with FINAL; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1)),
    kind           Enum8('lead' = 1, 'sale' = 2, 'refund' = 3, 'restored' = 4, 'deferred' = 5)
                                           COMMENT 'What was reported; source: conversions; privacy: none' CODEC(ZSTD(1)),
    test           Bool                    COMMENT 'A test: traced, never reported or paid; source: conversions; privacy: none' CODEC(ZSTD(1)),
    conversion_id  String                  COMMENT 'The same for every report of the same thing; unit: 32 hexadecimal digits; source: conversions; privacy: pseudonymous' CODEC(ZSTD(1)),
    customer_id    String                  COMMENT 'What the customer is called: the merchant''s id, else an alias, else the click id, else empty; source: conversions; privacy: personal' CODEC(ZSTD(1)),
    received_at    DateTime64(3, 'UTC')    COMMENT 'When the report was taken; unit: milliseconds; zone: UTC; source: conversions; privacy: none' CODEC(Delta, ZSTD(1)),
    occurred_at    DateTime64(3, 'UTC')    COMMENT 'When it happened: figures stand on the program-day of this; unit: milliseconds; zone: UTC; source: conversions; privacy: none' CODEC(Delta, ZSTD(1)),
    state          Enum8('counted' = 1, 'duplicate' = 2, 'conflict' = 3, 'unattributed' = 4, 'review' = 5, 'waiting' = 6, 'held' = 7, 'test' = 8, 'noted' = 9)
                                           COMMENT 'What came of the report; only counted is in a partner''s figures; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    reason         LowCardinality(String)  COMMENT 'Code of the rule that decided; fairlead trace says it in words; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    partner_id     UInt32                  COMMENT 'Partner who is credited, 0: nobody; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    link_id        UInt32                  COMMENT 'Link of the click that decided, 0: no click decided; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    click_id       String                  COMMENT 'Click that decided, also one that did not suffice, empty: none; source: aggregator; privacy: pseudonymous' CODEC(ZSTD(1)),
    clicked_at     DateTime64(3, 'UTC')    COMMENT 'Time of that click, 1970: none; unit: milliseconds; zone: UTC; source: aggregator; privacy: pseudonymous' CODEC(Delta, ZSTD(1)),
    coupon         String                  COMMENT 'Coupon that decided, in upper case, empty: none; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    claim_id       UInt32                  COMMENT 'Referral claim that decided, 0: none; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    sale_id        String                  COMMENT 'conversion_id of the sale: of a refund the one it belongs to, of a sale that stands its own, empty: none; source: aggregator; privacy: pseudonymous' CODEC(ZSTD(1)),
    binds          Bool                    COMMENT 'The customer becomes the partner''s here: counted as Referred on this day; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    amount         Int64                   COMMENT 'Amount in the program''s currency, never negative: a sale''s, what a refund takes back, what is restored; unit: minor units of currency; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    currency       LowCardinality(String)  COMMENT 'The program''s currency at occurred_at; unit: ISO 4217, empty: of what counts as nothing; source: aggregator; privacy: none' CODEC(ZSTD(1)),
    rate           Decimal(27, 12)         COMMENT 'What one main unit of the reported currency was worth, 0: no amount; unit: main units of currency; source: rates; privacy: none' CODEC(ZSTD(1)),
    INDEX token token TYPE minmax GRANULARITY 1,
    INDEX partner_id partner_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX reason reason TYPE set(64) GRANULARITY 1
)
ENGINE = {{everywhere "ReplacingMergeTree" "token"}}
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (toDate(occurred_at), node, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: what was decided of every report in conversions, and why; one row a report, read with FINAL; privacy: personal'
