CREATE TABLE IF NOT EXISTS fairlead.migrations{{.OnCluster}}
(
    number      UInt32                 COMMENT 'Number of the migration, counting from 1; source: the file name; privacy: none',
    name        String                 COMMENT 'File name of the migration; source: the program; privacy: none',
    checksum    String                 COMMENT 'SHA-256 of the file in hexadecimal: an applied file never changes; source: the program; privacy: none',
    applied_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied; unit: milliseconds; zone: UTC; source: this server''s clock; privacy: none'
)
ENGINE = {{everywhere "ReplacingMergeTree" "applied_at"}}
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which migrations this deployment has: the highest number is the version of its schema; privacy: none'
