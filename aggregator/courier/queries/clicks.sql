SELECT
    click_id,
    [sub_id, sub_id1, sub_id2, sub_id3, sub_id4, sub_id5]  AS sub_ids
FROM fairlead.clicks
WHERE toDate(clicked_at) IN {days:Array(Date)}
  AND clicked_at IN {moments:Array(DateTime64(3, 'UTC'))}
  AND link_id IN {links:Array(UInt32)}
  AND click_id IN {clicks:Array(String)}
