SELECT
    click_id,
    partner_id,
    link_id,
    slug,
    destination,
    toString(verdict)                                                AS verdict_name,
    verdict_reason,
    referrer_host,
    country,
    device,
    [sub_id, sub_id1, sub_id2, sub_id3, sub_id4, sub_id5]            AS sub_ids
FROM fairlead.clicks
WHERE toDate(clicked_at) IN (SELECT toDate(at) FROM wanted)
  AND clicked_at IN (SELECT at FROM wanted)
  AND (link_id, click_nonce, click_tag) IN (SELECT link, nonce, tag FROM wanted)
  AND clicked_at >= {from:DateTime64(3, 'UTC')}
  AND clicked_at <= {to:DateTime64(3, 'UTC')}
