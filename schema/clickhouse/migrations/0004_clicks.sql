CREATE TABLE IF NOT EXISTS fairlead.clicks{{.Local}}{{.OnCluster}}
(
    node            LowCardinality(String)  COMMENT 'Journal that recorded the hit: a random id, or for an import the hash of the file; source: redirector; privacy: none' CODEC(ZSTD(1)),
    seq             UInt64                  COMMENT 'Number of the hit in its journal, from 1 without a gap; unit: ordinal; source: redirector; privacy: none' CODEC(Delta, ZSTD(1)),
    clicked_at      DateTime64(3, 'UTC')    COMMENT 'When the hit was answered; unit: milliseconds; zone: UTC; source: clock of the redirector, or the access log; privacy: pseudonymous' CODEC(Delta, ZSTD(1)),
    partner_id      UInt32                  COMMENT 'Partner at the moment of the hit, 0: nobody (unknown slug); source: directory; privacy: none' CODEC(Delta, ZSTD(1)),
    link_id         UInt32                  COMMENT 'Link at the moment of the hit, 0: none (unknown slug); source: directory; privacy: none' CODEC(Delta, ZSTD(1)),
    slug            String                  COMMENT 'Slug as asked for, in lower case, at most 190 bytes; source: request; privacy: none' CODEC(ZSTD(1)),
    destination     String                  COMMENT 'Where the link led, before parameters were added; unit: URL; source: directory; privacy: none' CODEC(ZSTD(1)),
    click_nonce     UInt64                  COMMENT 'Part of the click id: 24 bits of the node, 24 counting up; source: redirector; privacy: pseudonymous' CODEC(Delta, ZSTD(1)),
    click_tag       UInt64                  COMMENT 'Part of the click id: keyed SipHash of the rest, or for an import a hash of the line; source: redirector; privacy: pseudonymous' CODEC(NONE),
    click_id        String ALIAS base64URLEncode(concat(
                        substring(reverse(reinterpretAsFixedString(toUInt64(toUnixTimestamp64Milli(clicked_at)))), 3, 6),
                        reverse(reinterpretAsFixedString(link_id)),
                        substring(reverse(reinterpretAsFixedString(click_nonce)), 3, 6),
                        reverse(reinterpretAsFixedString(click_tag))))
                                            COMMENT 'Click id exactly as it stood in the URL: base64url of time, link, nonce and tag, 32 characters; source: computed when asked for; privacy: pseudonymous',
    verdict         Enum8('valid' = 1, 'bot' = 2, 'prefetch' = 3, 'embedded' = 4, 'unknown_link' = 5, 'suspended' = 6, 'disabled' = 7, 'expired' = 8)
                                            COMMENT 'What the hit was; only valid counts as a click; source: redirector, bots by enrichment; privacy: none' CODEC(ZSTD(1)),
    verdict_reason  LowCardinality(String)  COMMENT 'Why the verdict, e.g. the crawler''s name; empty: the verdict says it; source: redirector, enrichment; privacy: none' CODEC(ZSTD(1)),
    visitor         UInt64                  COMMENT 'Hash of address and User-Agent under a salt that changes at the program''s midnight and is then forgotten, 0: not computed; comparable within one program-day only; source: redirector; privacy: pseudonymous' CODEC(ZSTD(1)),
    referrer_host   LowCardinality(String)  COMMENT 'Host of the page that led here, in lower case, empty: unknown; source: Referer header; privacy: none' CODEC(ZSTD(1)),
    referrer_path   String                  COMMENT 'Path of that page without its query; source: Referer header; privacy: pseudonymous' CODEC(ZSTD(1)),
    country         LowCardinality(String)  COMMENT 'Country of the truncated address; unit: ISO 3166-1 alpha-2 in upper case, empty: unknown; source: enrichment; privacy: none' CODEC(ZSTD(1)),
    device          LowCardinality(String)  COMMENT 'Kind of device: desktop, mobile, tablet, tv, bot, empty: unknown; source: enrichment of the User-Agent; privacy: none' CODEC(ZSTD(1)),
    os              LowCardinality(String)  COMMENT 'Operating system without its version, empty: unknown; source: enrichment of the User-Agent; privacy: none' CODEC(ZSTD(1)),
    browser         LowCardinality(String)  COMMENT 'Browser without its version, empty: unknown; source: enrichment of the User-Agent; privacy: none' CODEC(ZSTD(1)),
    language        LowCardinality(String)  COMMENT 'Preferred language; unit: BCP 47 tag, empty: unknown; source: Accept-Language header; privacy: none' CODEC(ZSTD(1)),
    sub_id          String                  COMMENT 'The partner''s own label sub_id, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    sub_id1         String                  COMMENT 'The partner''s own label sub_id1, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    sub_id2         String                  COMMENT 'The partner''s own label sub_id2, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    sub_id3         String                  COMMENT 'The partner''s own label sub_id3, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    sub_id4         String                  COMMENT 'The partner''s own label sub_id4, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    sub_id5         String                  COMMENT 'The partner''s own label sub_id5, at most 255 bytes; source: query of the request; privacy: none by contract with the partner' CODEC(ZSTD(1)),
    utm_source      LowCardinality(String)  COMMENT 'utm_source, few different values expected; source: query of the request; privacy: none' CODEC(ZSTD(1)),
    utm_medium      LowCardinality(String)  COMMENT 'utm_medium, few different values expected; source: query of the request; privacy: none' CODEC(ZSTD(1)),
    utm_campaign    LowCardinality(String)  COMMENT 'utm_campaign, few different values expected; source: query of the request; privacy: none' CODEC(ZSTD(1)),
    utm_term        String                  COMMENT 'utm_term, any number of different values; source: query of the request; privacy: none' CODEC(ZSTD(1)),
    utm_content     String                  COMMENT 'utm_content, any number of different values; source: query of the request; privacy: none' CODEC(ZSTD(1)),
    data_version    LowCardinality(String)  COMMENT 'Version of the country and crawler data that enriched the hit; source: enrichment; privacy: none' CODEC(ZSTD(1))
)
ENGINE = {{shard "MergeTree"}}
PARTITION BY toYYYYMM(clicked_at)
ORDER BY (toDate(clicked_at), partner_id, link_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, {{dedupWindow 10000}}
COMMENT 'Facts: one row for every hit on the edge, whatever its verdict. Append-only. Ask with a bound on clicked_at: months are partitions, UTC days the first part of the key; privacy: pseudonymous'
