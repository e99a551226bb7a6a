CREATE VIEW IF NOT EXISTS fairlead.directory{{.OnCluster}}
(
    kind         LowCardinality(String)  COMMENT 'What the entry is: program, partner, link, login, click_key, node; source: directory_log; privacy: none',
    id           UInt64                  COMMENT 'Number of the entry within its kind; source: directory_log; privacy: none',
    version      UInt64                  COMMENT 'Version in force; source: directory_log; privacy: none',
    unique_keys  Array(String)           COMMENT 'What no other entry may claim; source: directory_log; privacy: personal',
    changed_at   DateTime64(3, 'UTC')    COMMENT 'When this version was written; unit: milliseconds; zone: UTC; source: directory_log; privacy: none',
    actor        String                  COMMENT 'Who wrote it; source: directory_log; privacy: pseudonymous',
    reason       String                  COMMENT 'Why; source: directory_log; privacy: personal',
    deleted      Bool                    COMMENT 'The entry no longer exists; source: directory_log; privacy: none',
    data         String                  COMMENT 'The whole entry; unit: JSON; source: directory_log; privacy: secret'
)
AS
SELECT
    kind,
    id,
    max(l.version)   AS version,
    -- A version that was written twice counts once, by the later time and then by its content.
    argMax((l.unique_keys, l.changed_at, l.actor, l.reason, l.deleted, l.data), (l.version, l.changed_at, l.data)) AS latest,
    latest.1         AS unique_keys,
    latest.2         AS changed_at,
    latest.3         AS actor,
    latest.4         AS reason,
    latest.5         AS deleted,
    latest.6         AS data
FROM fairlead.directory_log AS l
GROUP BY kind, id
COMMENT 'The version in force of every directory entry; filter kind and id; privacy: secret'
