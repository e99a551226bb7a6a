CREATE TABLE IF NOT EXISTS fairlead.sale_days{{.OnCluster}}
(
    partner_id  UInt32                  COMMENT 'Partner, 0: nobody, the sales that nobody is credited for; source: attributions; privacy: none' CODEC(Delta, ZSTD(1)),
    link_id     UInt32                  COMMENT 'Link of the click that decided, 0: a coupon, a claim or the merchant''s word did, or nobody is credited; source: attributions; privacy: none' CODEC(Delta, ZSTD(1)),
    day         Date                    COMMENT 'Calendar day of occurred_at; zone: the program''s; source: attributions; privacy: none' CODEC(Delta, ZSTD(1)),
    currency    LowCardinality(String)  COMMENT 'The program''s currency on that day; unit: ISO 4217; source: attributions; privacy: none' CODEC(ZSTD(1)),
    referred    UInt64                  COMMENT 'Customers who became the partner''s on this day: Referred; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    leads       UInt64                  COMMENT 'Leads; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    sales       UInt64                  COMMENT 'Sales; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    gross       Int64                   COMMENT 'What these sales brought, refunds not taken off; Sold is gross - refunded; unit: minor units of currency; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    refunds     UInt64                  COMMENT 'Refunds on this day, of sales of any day; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    refunded    Int64                   COMMENT 'What these refunds took back, less what was restored on this day: may be negative; unit: minor units of currency; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    held        UInt64                  COMMENT 'Sales and refunds that wait for an exchange rate; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    review      UInt64                  COMMENT 'Leads, sales and refunds under review; unit: count; source: attributions; privacy: none' CODEC(T64, ZSTD(1)),
    token       UInt64                  COMMENT 'Fencing token of the run that wrote the row; source: aggregator; privacy: none' CODEC(Delta, ZSTD(1))
)
ENGINE = {{everywhere "MergeTree"}}
PARTITION BY toYYYYMM(day)
ORDER BY (partner_id, link_id, day, currency)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Derived: referred and sold by partner, link and program-day; whole months are swapped in, nothing is ever added to a row; privacy: none'
