CREATE VIEW IF NOT EXISTS analytics.rewards{{.OnCluster}}
(
    reward_id      String                  COMMENT 'The same in every row of one reward; unit: 32 hexadecimal digits; source: keyed hash, the key stays with the program; privacy: pseudonymous',
    partner_id     UInt32                  COMMENT 'Partner whose reward it is; bound it, or take all; source: ledger; privacy: none',
    conversion_id  String                  COMMENT 'Sale or lead that it is for, joins conversions, empty: for none; unit: 32 hexadecimal digits; source: keyed hash, the key stays with the program; privacy: pseudonymous',
    rule_id        UInt32                  COMMENT 'Rule by which it was reckoned last, 0: by none; source: ledger; privacy: none',
    currency       LowCardinality(String)  COMMENT 'Currency of the amounts; unit: ISO 4217; source: ledger; privacy: none',
    earned_at      DateTime64(3, 'UTC')    COMMENT 'When it was earned; unit: milliseconds; zone: UTC; source: ledger; privacy: none',
    day            Date                    COMMENT 'Calendar day of earned_at; zone: the program''s; source: computed when asked for; privacy: none',
    month          Date                    COMMENT 'First day of the calendar month of earned_at; zone: the program''s; source: computed when asked for; privacy: none',
    due_at         DateTime64(3, 'UTC')    COMMENT 'When its hold ends or ended, 1970: it has none that ends; unit: milliseconds; zone: UTC; source: ledger; privacy: none',
    review         Int64                   COMMENT 'Amount that somebody has to look at; unit: minor units of currency; source: ledger; privacy: none',
    holding        Int64                   COMMENT 'Amount in the hold; unit: minor units of currency; source: ledger; privacy: none',
    payable        Int64                   COMMENT 'Amount for the next payout, below zero: taken back after it was paid; unit: minor units of currency; source: ledger; privacy: none',
    processing     Int64                   COMMENT 'Amount in a payout that is under way; unit: minor units of currency; source: ledger; privacy: none',
    paid           Int64                   COMMENT 'Amount that was received; unit: minor units of currency; source: ledger; privacy: none',
    amount         Int64                   COMMENT 'What the reward amounts to: the five together; unit: minor units of currency; source: ledger; privacy: none',
    state          LowCardinality(String)  COMMENT 'review, holding, processing, payable or paid: the first of these in which there is something; reversed: there is nothing; source: ledger; privacy: none'
)
DEFINER = {{.Definer}} SQL SECURITY DEFINER
AS
WITH assumeNotNull((
    SELECT if(count() = 0, 'UTC', any(JSONExtractString(data, 'zone')))
    FROM fairlead.directory
    WHERE kind = 'program' AND id = 1
)) AS zone
SELECT
    lower(hex(sipHash128ReferenceKeyed((k.low, k.high), r.reward_id)))  AS reward_id,
    partner_id,
    if(r.conversion_id = '', '', lower(hex(sipHash128ReferenceKeyed((k.low, k.high), r.conversion_id))))  AS conversion_id,
    rule_id,
    currency,
    earned_at,
    toDate(toTimeZone(earned_at, zone))           AS day,
    toStartOfMonth(toTimeZone(earned_at, zone))   AS month,
    due_at,
    review,
    holding,
    payable,
    processing,
    paid,
    amount,
    state
FROM fairlead.rewards AS r
CROSS JOIN -- and not a scalar as the zone is: EXPLAIN shows those
(
    SELECT
        unhex(any(JSONExtractString(data, 'customers')))  AS secret,
        reinterpretAsUInt64(substring(secret, 1, 8))      AS low,
        reinterpretAsUInt64(substring(secret, 9, 8))      AS high
    FROM fairlead.directory
    WHERE kind = 'secret'
) AS k
COMMENT 'Every reward and how it stands, without personal data; paid, and the other four as pending, stand in the month in which the reward was earned; privacy: pseudonymous'
