CREATE VIEW IF NOT EXISTS analytics.clicks{{.OnCluster}}
(
    click_id        String                  COMMENT 'Click id exactly as it stood in the URL, 32 characters; source: redirector; privacy: pseudonymous',
    clicked_at      DateTime64(3, 'UTC')    COMMENT 'When the hit was answered; unit: milliseconds; zone: UTC; source: redirector; bound it in every question: it prunes; privacy: pseudonymous',
    day             Date                    COMMENT 'Calendar day of clicked_at; zone: the program''s; source: computed when asked for; privacy: none',
    month           Date                    COMMENT 'First day of the calendar month of clicked_at; zone: the program''s; source: computed when asked for; privacy: none',
    partner_id      UInt32                  COMMENT 'Partner at the moment of the hit, 0: nobody (unknown slug); source: directory; privacy: none',
    link_id         UInt32                  COMMENT 'Link at the moment of the hit, 0: none (unknown slug); source: directory; privacy: none',
    slug            String                  COMMENT 'Slug as asked for, in lower case; source: request; privacy: none',
    destination     String                  COMMENT 'Where the link led, before parameters were added; unit: URL; source: directory; privacy: none',
    verdict         Enum8('valid' = 1, 'bot' = 2, 'prefetch' = 3, 'embedded' = 4, 'unknown_link' = 5, 'suspended' = 6, 'disabled' = 7, 'expired' = 8)
                                            COMMENT 'What the hit was; only valid counts as a click; source: redirector, bots by enrichment; privacy: none',
    verdict_reason  LowCardinality(String)  COMMENT 'Why the verdict; empty: the verdict says it; source: redirector, enrichment; privacy: none',
    visitor         UInt64                  COMMENT 'Salted hash that tells visitors of one program-day apart, 0: not computed; says nothing across days: the salt is forgotten; source: redirector; privacy: pseudonymous',
    referrer_host   LowCardinality(String)  COMMENT 'Host of the page that led here, empty: unknown; source: Referer header; privacy: none',
    country         LowCardinality(String)  COMMENT 'Country; unit: ISO 3166-1 alpha-2, empty: unknown; source: enrichment; privacy: none',
    device          LowCardinality(String)  COMMENT 'Kind of device: desktop, mobile, tablet, tv, bot, empty: unknown; source: enrichment; privacy: none',
    os              LowCardinality(String)  COMMENT 'Operating system without its version, empty: unknown; source: enrichment; privacy: none',
    browser         LowCardinality(String)  COMMENT 'Browser without its version, empty: unknown; source: enrichment; privacy: none',
    language        LowCardinality(String)  COMMENT 'Preferred language; unit: BCP 47 tag, empty: unknown; source: Accept-Language header; privacy: none',
    sub_id          String                  COMMENT 'The partner''s own label sub_id; source: query of the request; privacy: none by contract with the partner',
    sub_id1         String                  COMMENT 'The partner''s own label sub_id1; source: query of the request; privacy: none by contract with the partner',
    sub_id2         String                  COMMENT 'The partner''s own label sub_id2; source: query of the request; privacy: none by contract with the partner',
    sub_id3         String                  COMMENT 'The partner''s own label sub_id3; source: query of the request; privacy: none by contract with the partner',
    sub_id4         String                  COMMENT 'The partner''s own label sub_id4; source: query of the request; privacy: none by contract with the partner',
    sub_id5         String                  COMMENT 'The partner''s own label sub_id5; source: query of the request; privacy: none by contract with the partner',
    utm_source      LowCardinality(String)  COMMENT 'utm_source; source: query of the request; privacy: none',
    utm_medium      LowCardinality(String)  COMMENT 'utm_medium; source: query of the request; privacy: none',
    utm_campaign    LowCardinality(String)  COMMENT 'utm_campaign; source: query of the request; privacy: none',
    utm_term        String                  COMMENT 'utm_term; source: query of the request; privacy: none',
    utm_content     String                  COMMENT 'utm_content; source: query of the request; privacy: none',
    node            LowCardinality(String)  COMMENT 'Journal that recorded the hit; with seq the audit of gaps and doubles; source: redirector; privacy: none',
    seq             UInt64                  COMMENT 'Number of the hit in its journal, from 1 without a gap; source: redirector; privacy: none'
)
DEFINER = {{.Definer}} SQL SECURITY DEFINER
AS
WITH (
    SELECT if(count() = 0, 'UTC', any(JSONExtractString(data, 'zone')))
    FROM fairlead.directory
    WHERE kind = 'program' AND id = 1
) AS zone
SELECT
    c.click_id AS click_id,
    clicked_at,
    toDate(toTimeZone(clicked_at, zone))           AS day,
    toStartOfMonth(toTimeZone(clicked_at, zone))   AS month,
    partner_id,
    link_id,
    slug,
    destination,
    verdict,
    verdict_reason,
    visitor,
    referrer_host,
    country,
    device,
    os,
    browser,
    language,
    sub_id,
    sub_id1,
    sub_id2,
    sub_id3,
    sub_id4,
    sub_id5,
    utm_source,
    utm_medium,
    utm_campaign,
    utm_term,
    utm_content,
    node,
    seq
FROM fairlead.clicks AS c
COMMENT 'Every hit on the edge, without personal data: referrer paths are left out. Bound clicked_at in every question; privacy: pseudonymous'
