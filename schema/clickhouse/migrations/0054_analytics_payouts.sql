CREATE VIEW IF NOT EXISTS analytics.payouts{{.OnCluster}}
(
    payout_id     String                  COMMENT 'Payout; unit: 32 hexadecimal digits; source: payouts; privacy: none',
    partner_id    UInt32                  COMMENT 'Partner who is paid; source: payouts; privacy: none',
    status        LowCardinality(String)  COMMENT 'draft, approved, processing, sent, completed, failed, returned or canceled; source: payouts; privacy: none',
    amount        Int64                   COMMENT 'Amount; unit: minor units of currency; source: payouts; privacy: none',
    currency      LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217; source: payouts; privacy: none',
    rewards       UInt32                  COMMENT 'How many rewards it pays; unit: rewards; source: payouts; privacy: none',
    method        LowCardinality(String)  COMMENT 'stripe, paypal or bank; source: payouts; privacy: none',
    cut_off       DateTime64(3, 'UTC')    COMMENT 'What was due by then is in it; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    created_at    DateTime64(3, 'UTC')    COMMENT 'When it was drafted; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    sent_at       DateTime64(3, 'UTC')    COMMENT 'When it was handed over first, 1970: not yet; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    completed_at  DateTime64(3, 'UTC')    COMMENT 'When it was known that the partner has it, 1970: not yet; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    changed_at    DateTime64(3, 'UTC')    COMMENT 'When it came to its status; unit: milliseconds; zone: UTC; source: payouts; privacy: none'
)
DEFINER = {{.Definer}} SQL SECURITY DEFINER
AS
SELECT
    lower(hex(id)) AS payout_id, partner_id, status, amount, currency, rewards, method, cut_off, created_at, sent_at, completed_at, changed_at
FROM fairlead.payout_states
COMMENT 'Every payout and how far it is, without personal data: where it went is left out; privacy: none'
