CREATE VIEW IF NOT EXISTS fairlead.payout_states{{.OnCluster}}
(
    id            FixedString(16)         COMMENT 'Payout; unit: bytes, hex(id) in words; source: payouts; privacy: none',
    version       UInt32                  COMMENT 'Version in force; unit: ordinal; source: payouts; privacy: none',
    status        LowCardinality(String)  COMMENT 'How far it is; source: payouts; privacy: none',
    partner_id    UInt32                  COMMENT 'Partner who is paid; source: payouts; privacy: none',
    amount        Int64                   COMMENT 'Amount; unit: minor units of currency; source: payouts; privacy: none',
    currency      LowCardinality(String)  COMMENT 'Currency of amount; unit: ISO 4217; source: payouts; privacy: none',
    cut_off       DateTime64(3, 'UTC')    COMMENT 'What was due by then is in it; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    rewards       UInt32                  COMMENT 'How many rewards it pays; unit: rewards; source: payouts; privacy: none',
    method        LowCardinality(String)  COMMENT 'stripe, paypal or bank; source: payouts; privacy: none',
    masked        String                  COMMENT 'Where it goes, as far as people are shown that; source: payouts; privacy: personal',
    ref           String                  COMMENT 'What the provider calls it, or the name of the bank''s batch; source: payouts; privacy: pseudonymous',
    reason        String                  COMMENT 'Why it came to this status, in words; source: payouts; privacy: personal',
    approvals     Array(String)           COMMENT 'Who has approved it; source: payouts; privacy: pseudonymous',
    created_at    DateTime64(3, 'UTC')    COMMENT 'When it was drafted; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    sent_at       DateTime64(3, 'UTC')    COMMENT 'When it was handed over first, 1970: not yet; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    completed_at  DateTime64(3, 'UTC')    COMMENT 'When it was known that the partner has it, 1970: not yet; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    changed_at    DateTime64(3, 'UTC')    COMMENT 'When it came to this status; unit: milliseconds; zone: UTC; source: payouts; privacy: none',
    actor         LowCardinality(String)  COMMENT 'Who brought it there; source: payouts; privacy: pseudonymous'
)
AS
SELECT
    id, version, toString(p.status) AS status, partner_id, amount, currency, cut_off, rewards, method, masked, ref, reason, approvals,
    created_at, sent_at, completed_at, changed_at, actor
FROM fairlead.payouts AS p FINAL
ORDER BY version DESC
LIMIT 1 BY id
COMMENT 'The version in force of every payout, without its list; privacy: personal'
