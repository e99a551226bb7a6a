CREATE VIEW IF NOT EXISTS fairlead.balances{{.OnCluster}}
(
    partner_id  UInt32                  COMMENT 'Partner whose rewards they are; source: ledger; privacy: none',
    currency    LowCardinality(String)  COMMENT 'Currency of the amounts; unit: ISO 4217; source: ledger; privacy: none',
    review      Int64                   COMMENT 'What somebody has to look at; unit: minor units of currency; source: ledger; privacy: none',
    holding     Int64                   COMMENT 'What is in the hold; unit: minor units of currency; source: ledger; privacy: none',
    payable     Int64                   COMMENT 'What is for the next payout, net of what was taken back after it was paid; unit: minor units of currency; source: ledger; privacy: none',
    processing  Int64                   COMMENT 'What is in payouts that are under way; unit: minor units of currency; source: ledger; privacy: none',
    paid        Int64                   COMMENT 'What was received; unit: minor units of currency; source: ledger; privacy: none'
)
AS
SELECT
    partner_id,
    currency,
    sumIf(l.amount, l.credit = 'review') - sumIf(l.amount, l.debit = 'review')          AS review,
    sumIf(l.amount, l.credit = 'holding') - sumIf(l.amount, l.debit = 'holding')        AS holding,
    sumIf(l.amount, l.credit = 'payable') - sumIf(l.amount, l.debit = 'payable')        AS payable,
    sumIf(l.amount, l.credit = 'processing') - sumIf(l.amount, l.debit = 'processing')  AS processing,
    sumIf(l.amount, l.credit = 'paid') - sumIf(l.amount, l.debit = 'paid')              AS paid
FROM fairlead.ledger AS l FINAL
GROUP BY partner_id, currency
COMMENT 'What partners are owed and were paid, by the ledger; filter partner_id; privacy: none'
