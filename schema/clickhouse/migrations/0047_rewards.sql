CREATE VIEW IF NOT EXISTS fairlead.rewards{{.OnCluster}}
(
    partner_id     UInt32                  COMMENT 'Partner whose reward it is; source: ledger; privacy: none',
    reward_id      FixedString(16)         COMMENT 'Reward: what the partner has of one sale, lead, entry by hand or opening balance; unit: bytes, hex(reward_id) in words; source: ledger; privacy: none',
    conversion_id  String                  COMMENT 'Conversion of the sale or lead that it is for, empty: for none; source: ledger; privacy: pseudonymous',
    rule_id        UInt32                  COMMENT 'Rule by which it was reckoned last, 0: by none; source: ledger; privacy: none',
    currency       LowCardinality(String)  COMMENT 'Currency of the amounts; unit: ISO 4217; source: ledger; privacy: none',
    earned_at      DateTime64(3, 'UTC')    COMMENT 'When it was earned: of the sale or lead, of the entry, of the opening balance; unit: milliseconds; zone: UTC; source: ledger; privacy: none',
    due_at         DateTime64(3, 'UTC')    COMMENT 'When its hold ends or ended, 1970: it has none that ends; unit: milliseconds; zone: UTC; source: ledger and reward_holds; privacy: none',
    review         Int64                   COMMENT 'Amount that somebody has to look at; unit: minor units of currency; source: ledger; privacy: none',
    holding        Int64                   COMMENT 'Amount in the hold; unit: minor units of currency; source: ledger; privacy: none',
    payable        Int64                   COMMENT 'Amount for the next payout, below zero: taken back after it was paid; unit: minor units of currency; source: ledger; privacy: none',
    processing     Int64                   COMMENT 'Amount in a payout that is under way; unit: minor units of currency; source: ledger; privacy: none',
    paid           Int64                   COMMENT 'Amount that was received; unit: minor units of currency; source: ledger; privacy: none',
    amount         Int64                   COMMENT 'What the reward amounts to: the five together; unit: minor units of currency; source: ledger; privacy: none',
    state          LowCardinality(String)  COMMENT 'review, holding, processing, payable or paid: the first of these in which there is something; reversed: there is nothing; source: ledger; privacy: none'
)
AS
SELECT
    partner_id,
    reward_id,
    max(r.conversion_id)                                      AS conversion_id,
    argMaxIf(r.rule_id, r.reckoned, r.credit != '')           AS rule_id,
    max(r.currency)                                           AS currency,
    minIf(r.at, r.changes)                                    AS earned_at,
    argMaxIf(r.due_at, r.reckoned, toUnixTimestamp64Milli(r.due_at) != 0)  AS due_at,
    sumIf(r.amount, r.credit = 'review') - sumIf(r.amount, r.debit = 'review')              AS review,
    sumIf(r.amount, r.credit = 'holding') - sumIf(r.amount, r.debit = 'holding')            AS holding,
    sumIf(r.amount, r.credit = 'payable') - sumIf(r.amount, r.debit = 'payable')            AS payable,
    sumIf(r.amount, r.credit = 'processing') - sumIf(r.amount, r.debit = 'processing')      AS processing,
    sumIf(r.amount, r.credit = 'paid') - sumIf(r.amount, r.debit = 'paid')                  AS paid,
    review + holding + payable + processing + paid            AS amount,
    multiIf(review != 0, 'review', holding != 0, 'holding', processing != 0, 'processing', payable != 0, 'payable', paid != 0, 'paid', 'reversed')  AS state
FROM
(
    SELECT
        partner_id, reward_id, conversion_id, rule_id, currency, at, due_at, amount,
        toString(debit)                    AS debit,
        toString(credit)                   AS credit,
        kind <= 'opening'                  AS changes,
        if(kind = 'payout', 0, token)      AS reckoned
    FROM fairlead.ledger FINAL
    UNION ALL
    SELECT
        partner_id, reward_id, conversion_id, 0, '', due_at, due_at, 0,
        '', '', 0, token
    FROM fairlead.reward_holds FINAL
) AS r
GROUP BY partner_id, reward_id
COMMENT 'How every reward stands, by the ledger; filter partner_id; privacy: pseudonymous'
