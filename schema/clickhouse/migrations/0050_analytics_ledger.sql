CREATE VIEW IF NOT EXISTS analytics.ledger{{.OnCluster}}
(
    booked_at      DateTime64(3, 'UTC')    COMMENT 'When the row was written; unit: milliseconds; zone: UTC; source: aggregator''s clock; privacy: none',
    at             DateTime64(3, 'UTC')    COMMENT 'When it happened in the business: of the sale, of the refund, the end of the hold, the payout; unit: milliseconds; zone: UTC; source: aggregator; privacy: none',
    day            Date                    COMMENT 'Calendar day of at; zone: the program''s; source: computed when asked for; privacy: none',
    month          Date                    COMMENT 'First day of the calendar month of at; zone: the program''s; source: computed when asked for; privacy: none',
    due_at         DateTime64(3, 'UTC')    COMMENT 'When the reward''s hold ends by what was known as the row was written, 1970: it has none that ends; unit: milliseconds; zone: UTC; source: aggregator; privacy: none',
    partner_id     UInt32                  COMMENT 'Partner whose reward it is; bound it, or take all; source: aggregator; privacy: none',
    reward_id      String                  COMMENT 'Reward that the row is of, joins rewards; unit: 32 hexadecimal digits; source: keyed hash, the key stays with the program; privacy: pseudonymous',
    conversion_id  String                  COMMENT 'Sale or lead that the reward is for, joins conversions, empty: for none; unit: 32 hexadecimal digits; source: keyed hash, the key stays with the program; privacy: pseudonymous',
    debit          LowCardinality(String)  COMMENT 'Account that the amount leaves: expense and opening are the merchant''s, review, holding, payable, processing and paid the partner''s; source: aggregator; privacy: none',
    credit         LowCardinality(String)  COMMENT 'Account that it enters; source: aggregator; privacy: none',
    amount         Int64                   COMMENT 'Amount, above zero; unit: minor units of currency; source: aggregator; privacy: none',
    currency       LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217; source: aggregator; privacy: none',
    kind           LowCardinality(String)  COMMENT 'Why it was booked: earned, adjusted, added, reversed and opening change what the reward amounts to, released, review, cleared and payout move it; source: aggregator; privacy: none',
    cause          String                  COMMENT 'Of adjusted the conversion_id of the refund, of added and reversed the number of the entry by hand, of payout the payout; empty: the reward itself; source: aggregator; privacy: pseudonymous',
    rule_id        UInt32                  COMMENT 'Rule by which the reward was reckoned, 0: by none; source: aggregator; privacy: none'
)
DEFINER = {{.Definer}} SQL SECURITY DEFINER
AS
WITH assumeNotNull((
    SELECT if(count() = 0, 'UTC', any(JSONExtractString(data, 'zone')))
    FROM fairlead.directory
    WHERE kind = 'program' AND id = 1
)) AS zone
SELECT
    booked_at,
    at,
    toDate(toTimeZone(at, zone))           AS day,
    toStartOfMonth(toTimeZone(at, zone))   AS month,
    due_at,
    partner_id,
    lower(hex(sipHash128ReferenceKeyed((k.low, k.high), l.reward_id)))  AS reward_id,
    if(l.conversion_id = '', '', lower(hex(sipHash128ReferenceKeyed((k.low, k.high), l.conversion_id))))  AS conversion_id,
    toString(l.debit)                      AS debit,
    toString(l.credit)                     AS credit,
    amount,
    currency,
    toString(l.kind)                       AS kind,
    multiIf(
        l.kind = 'adjusted', lower(hex(sipHash128ReferenceKeyed((k.low, k.high), l.cause))),
        l.kind IN ('added', 'reversed', 'payout'), l.cause,
        '')                                AS cause,
    rule_id
FROM fairlead.ledger AS l FINAL
CROSS JOIN -- and not a scalar as the zone is: EXPLAIN shows those
(
    SELECT
        unhex(any(JSONExtractString(data, 'customers')))  AS secret,
        reinterpretAsUInt64(substring(secret, 1, 8))      AS low,
        reinterpretAsUInt64(substring(secret, 9, 8))      AS high
    FROM fairlead.directory
    WHERE kind = 'secret'
) AS k
COMMENT 'The ledger: one row a transfer of an amount from one account to another, never changed, without personal data; privacy: pseudonymous'
