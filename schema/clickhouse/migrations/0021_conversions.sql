CREATE TABLE IF NOT EXISTS fairlead.conversions{{.Local}}{{.OnCluster}}
(
    node           LowCardinality(String)  COMMENT 'Journal that recorded the report: a random id, or for an import the hash of the file; source: redirector; privacy: none' CODEC(ZSTD(1)),
    seq            UInt64                  COMMENT 'Number of the report in its journal, from 1 without a gap; unit: ordinal; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    record_hash    UInt64                  COMMENT 'Hash of the record as it lay in the journal; source: redirector; privacy: none' CODEC(NONE),
    received_at    DateTime64(3, 'UTC')    COMMENT 'When the report was taken; unit: milliseconds; zone: UTC; source: clock of the redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    occurred_at    DateTime64(3, 'UTC')    COMMENT 'When it happened, as far as the sender says, otherwise received_at; unit: milliseconds; zone: UTC; source: the merchant; privacy: none' CODEC(Delta, ZSTD(1)),
    kind           Enum8('lead' = 1, 'sale' = 2, 'refund' = 3, 'restored' = 4, 'deferred' = 5)
                                           COMMENT 'What was reported; restored takes a refund back, deferred tells the click of a customer who has not signed up yet; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    source         Enum8('api' = 1, 'browser' = 2, 'postback' = 3, 'stripe' = 4, 'shopify' = 5, 'import' = 6, 'shell' = 7)
                                           COMMENT 'The way by which it was reported; source: redirector; privacy: none' CODEC(ZSTD(1)),
    test           Bool                    COMMENT 'A test: traced, never reported or paid; source: the key or the message; privacy: none' CODEC(ZSTD(1)),
    key_id         UInt32                  COMMENT 'API key that was used, 0: none; source: redirector; privacy: none' CODEC(ZSTD(1)),
    conversion_id  String                  COMMENT 'The same for every report of the same thing; unit: 32 hexadecimal digits; source: hash of its names; privacy: pseudonymous' CODEC(ZSTD(1)),
    content        UInt64                  COMMENT 'Equal for reports of equal content; source: hash of what was reported; privacy: none' CODEC(NONE),
    event          LowCardinality(String)  COMMENT 'Name of the event, e.g. Sign up, Purchase; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    customer_id    String                  COMMENT 'The merchant''s id of the customer, empty: not known to the sender; source: the merchant; privacy: personal' CODEC(ZSTD(1)),
    aliases        Array(String)           COMMENT 'Other names of the customer: email: and a keyed hash, shop: and a domain; source: the merchant; privacy: personal' CODEC(ZSTD(1)),
    click_id       String                  COMMENT 'Click id as it was reported, empty: none; source: the merchant; privacy: pseudonymous' CODEC(ZSTD(1)),
    click_state    Enum8('none' = 1, 'genuine' = 2, 'forged' = 3, 'malformed' = 4)
                                           COMMENT 'What the click id was found to be when it was reported; source: redirector; privacy: none' CODEC(ZSTD(1)),
    link_id        UInt32                  COMMENT 'Link of a genuine click id, 0: none; source: the click id; privacy: none' CODEC(ZSTD(1)),
    partner_id     UInt32                  COMMENT 'Partner of that link, 0: none, or not known when it was reported; source: directory; privacy: none' CODEC(ZSTD(1)),
    clicked_at     DateTime64(3, 'UTC')    COMMENT 'Time of a genuine click id, 1970: none; unit: milliseconds; zone: UTC; source: the click id; privacy: pseudonymous' CODEC(Delta, ZSTD(1)),
    credit_partner_id UInt32               COMMENT 'Partner whose customer this is by the merchant''s word in an import, 0: none named; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    amount         Int64                   COMMENT 'Amount as reported; unit: minor units of currency; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    gross          Int64                   COMMENT 'Of a sale: all that was charged, tax and shipping included, 0: amount; of a refund: what was given back in those terms, 0: amount says it; unit: minor units of currency; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    running        Bool                    COMMENT 'Of a refund: it tells all that was given back of the sale until then, not one refund; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    currency       LowCardinality(String)  COMMENT 'Currency as reported; unit: ISO 4217, empty: no amount; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    invoice        String                  COMMENT 'What the reporter calls the sale; source: the merchant; privacy: pseudonymous' CODEC(ZSTD(1)),
    payments       Array(String)           COMMENT 'All names of the payment: invoice, payment, charge, order; reports that share one are of one sale; source: the merchant; privacy: pseudonymous' CODEC(ZSTD(1)),
    refund         String                  COMMENT 'Name of the refund within the sale; source: the merchant; privacy: pseudonymous' CODEC(ZSTD(1)),
    processor      LowCardinality(String)  COMMENT 'Payment processor, e.g. stripe, shopify, custom; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    coupons        Array(String)           COMMENT 'Coupon codes as entered; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    lead_event     LowCardinality(String)  COMMENT 'Event of the lead that a sale belongs to; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    quantity       UInt32                  COMMENT 'How many of the event were reported at once; unit: count; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    reason         String                  COMMENT 'Why it was refunded, in the sender''s words; source: the merchant; privacy: personal' CODEC(ZSTD(1)),
    metadata       String                  COMMENT 'The merchant''s own; unit: JSON; source: the merchant; privacy: personal' CODEC(ZSTD(3)),
    delivery       String                  COMMENT 'The sender''s id of the message, e.g. a webhook''s event id; source: the merchant; privacy: none' CODEC(ZSTD(1)),
    names          Array(UInt64) MATERIALIZED arrayMap(name -> cityHash64(name), arrayConcat(
                       if(customer_id = '', [], [concat('customer:', customer_id)]),
                       aliases,
                       arrayMap(name -> concat('payment:', name), payments),
                       if(click_id = '' OR customer_id != '', [], [concat('click:', click_id)]),
                       [concat('id:', conversion_id)]))
                                           COMMENT 'Hashes of everything that ties reports together: customer, aliases, payments, the click of one without a customer, and conversion_id; source: computed; privacy: pseudonymous' CODEC(ZSTD(1)),
    INDEX names names TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX conversion_id conversion_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX click_id click_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{shard "MergeTree"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (toDate(received_at), node, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: one row for every lead, sale and refund as it was reported, repeats and contradictions included. Append-only. Who is credited stands in attributions; privacy: personal'
