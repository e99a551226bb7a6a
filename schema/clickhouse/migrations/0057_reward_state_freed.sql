ALTER TABLE fairlead.reward_state{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS freed UInt64 COMMENT 'Highest token of the ledger''s rows by which payouts gave something back to payable, whose rewards were reckoned since; source: ledger; privacy: none' AFTER due_to,
    ADD COLUMN IF NOT EXISTS freed_rows UInt64 COMMENT 'Rows of that token that were there: more may follow; unit: count; source: ledger; privacy: none' AFTER freed
