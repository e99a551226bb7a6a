ALTER TABLE fairlead.notice_state{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS untried_since DateTime64(3, 'UTC') COMMENT 'Every delivery that was queued before this has been tried at least once, which bounds the search for those that have not; unit: milliseconds; zone: UTC; source: aggregator; privacy: none' AFTER open_since
