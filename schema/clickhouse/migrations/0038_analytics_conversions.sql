CREATE VIEW IF NOT EXISTS analytics.conversions{{.OnCluster}}
(
    conversion_id  String                  COMMENT 'The same for every report of the same thing; unit: 32 hexadecimal digits; source: keyed hash of the id that webhooks get, which is a hash of names, the key stays with the program; privacy: pseudonymous',
    customer       UInt64                  COMMENT 'Tells customers apart: the same in every row of one customer, 0: has no name; source: keyed hash of what the customer is called, the key stays with the program; privacy: pseudonymous',
    occurred_at    DateTime64(3, 'UTC')    COMMENT 'When it happened, as far as the sender says; unit: milliseconds; zone: UTC; source: the merchant; bound it in every question: it prunes; privacy: none',
    day            Date                    COMMENT 'Calendar day of occurred_at; zone: the program''s; source: computed when asked for; privacy: none',
    month          Date                    COMMENT 'First day of the calendar month of occurred_at; zone: the program''s; source: computed when asked for; privacy: none',
    received_at    DateTime64(3, 'UTC')    COMMENT 'When the report was taken; unit: milliseconds; zone: UTC; source: redirector; privacy: none',
    kind           Enum8('lead' = 1, 'sale' = 2, 'refund' = 3, 'restored' = 4, 'deferred' = 5)
                                           COMMENT 'What was reported; restored takes a refund back, deferred tells a click and counts as nothing; source: the merchant; privacy: none',
    test           Bool                    COMMENT 'A test: never in figures; source: the key or the message; privacy: none',
    state          Enum8('counted' = 1, 'duplicate' = 2, 'conflict' = 3, 'unattributed' = 4, 'review' = 5, 'waiting' = 6, 'held' = 7, 'test' = 8, 'noted' = 9)
                                           COMMENT 'What came of the report; counted is in a partner''s figures, counted and unattributed in the program''s, duplicate and conflict repeat another row; source: aggregator; privacy: none',
    reason         LowCardinality(String)  COMMENT 'Code of the rule that decided, e.g. last_click, coupon, no_click; source: aggregator; privacy: none',
    partner_id     UInt32                  COMMENT 'Partner who is credited, 0: nobody; source: aggregator; privacy: none',
    link_id        UInt32                  COMMENT 'Link of the click that decided, 0: no click decided; source: aggregator; privacy: none',
    click_id       String                  COMMENT 'Click that decided, also one that did not suffice, empty: none; joins clicks; source: aggregator; privacy: pseudonymous',
    clicked_at     DateTime64(3, 'UTC')    COMMENT 'Time of that click, 1970: none; unit: milliseconds; zone: UTC; source: aggregator; privacy: pseudonymous',
    coupon         String                  COMMENT 'Coupon that decided, in upper case, empty: none; source: aggregator; privacy: none',
    claim_id       UInt32                  COMMENT 'Referral claim that decided, 0: none; source: aggregator; privacy: none',
    sale_id        String                  COMMENT 'conversion_id of the sale: of a refund the one it belongs to, of a sale that stands its own, empty: none; source: aggregator; privacy: pseudonymous',
    referred       Bool                    COMMENT 'The customer becomes the partner''s here: counted as Referred on this day; source: aggregator; privacy: none',
    amount         Int64                   COMMENT 'Amount in the program''s currency, never negative: a sale''s, what a refund takes back, what is restored; unit: minor units of currency; source: aggregator; privacy: none',
    currency       LowCardinality(String)  COMMENT 'The program''s currency at occurred_at; unit: ISO 4217, empty: of what counts as nothing; source: aggregator; privacy: none',
    node           LowCardinality(String)  COMMENT 'Journal that recorded the report; with seq the audit of gaps and doubles; source: redirector; privacy: none',
    seq            UInt64                  COMMENT 'Number of the report in its journal, from 1 without a gap; source: redirector; privacy: none'
)
DEFINER = {{.Definer}} SQL SECURITY DEFINER
AS
WITH assumeNotNull((
    SELECT if(count() = 0, 'UTC', any(JSONExtractString(data, 'zone')))
    FROM fairlead.directory
    WHERE kind = 'program' AND id = 1
)) AS zone
SELECT
    lower(hex(sipHash128ReferenceKeyed((k.low, k.high), a.conversion_id)))  AS conversion_id,
    if(customer_id = '', 0, sipHash64Keyed((k.low, k.high), customer_id))  AS customer,
    occurred_at,
    toDate(toTimeZone(occurred_at, zone))           AS day,
    toStartOfMonth(toTimeZone(occurred_at, zone))   AS month,
    received_at,
    kind,
    test,
    state,
    reason,
    partner_id,
    link_id,
    click_id,
    clicked_at,
    coupon,
    claim_id,
    if(a.sale_id = '', '', lower(hex(sipHash128ReferenceKeyed((k.low, k.high), a.sale_id))))  AS sale_id,
    binds                                           AS referred,
    amount,
    currency,
    node,
    seq
FROM fairlead.attributions AS a FINAL
CROSS JOIN -- and not a scalar as the zone is: EXPLAIN shows those
(
    SELECT
        unhex(any(JSONExtractString(data, 'customers')))  AS secret,
        reinterpretAsUInt64(substring(secret, 1, 8))      AS low,
        reinterpretAsUInt64(substring(secret, 9, 8))      AS high
    FROM fairlead.directory
    WHERE kind = 'secret'
) AS k
COMMENT 'Every lead, sale and refund that was reported, and what was decided of it, without personal data: names, aliases and metadata of customers are left out. A new report is here within seconds. Bound occurred_at in every question; privacy: pseudonymous'
