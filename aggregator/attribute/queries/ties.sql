SELECT groupUniqArray(first) AS tied
FROM
(
    SELECT
        names[1]          AS first,
        arrayJoin(names)  AS name
    FROM fairlead.conversions
)
GROUP BY name
HAVING length(tied) > 1
SETTINGS max_bytes_before_external_group_by = 500000000
