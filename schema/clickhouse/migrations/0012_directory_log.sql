CREATE TABLE IF NOT EXISTS fairlead.directory_log{{.OnCluster}}
(
    kind         LowCardinality(String)  COMMENT 'What the entry is: program, partner, link, login, click_key, node; source: dashboard, command line; privacy: none' CODEC(ZSTD(1)),
    id           UInt64                  COMMENT 'Number of the entry within its kind; source: the writer, highest + 1; privacy: none' CODEC(Delta, ZSTD(1)),
    version      UInt64                  COMMENT 'Version of the entry, counting from 1; the highest is in force; source: the writer; privacy: none' CODEC(Delta, ZSTD(1)),
    unique_keys  Array(String)           COMMENT 'What no other entry may claim, e.g. slug:ada, email:ada@shop.example; source: the writer; privacy: personal' CODEC(ZSTD(1)),
    changed_at   DateTime64(3, 'UTC')    COMMENT 'When this version was written; unit: milliseconds; zone: UTC; source: clock of the writer; privacy: none' CODEC(Delta, ZSTD(1)),
    actor        String                  COMMENT 'Who wrote it: cli, system, admin:ID, partner:ID; source: the writer; privacy: pseudonymous' CODEC(ZSTD(1)),
    reason       String                  COMMENT 'Why, in the actor''s words; source: the writer; privacy: personal' CODEC(ZSTD(1)),
    deleted      Bool                    COMMENT 'The entry no longer exists from this version on; source: the writer; privacy: none' CODEC(ZSTD(1)),
    data         String                  COMMENT 'The whole entry; unit: JSON; holds e-mail addresses, password hashes and click keys; source: the writer; privacy: secret' CODEC(ZSTD(3)),
    INDEX unique_keys unique_keys TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{everywhere "MergeTree"}}
ORDER BY (kind, id, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: every version of every partner, link, log-in, setting and key that there ever was; privacy: secret'
