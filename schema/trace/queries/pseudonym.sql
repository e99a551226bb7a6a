SELECT DISTINCT conversion_id
FROM fairlead.conversions
CROSS JOIN -- as in analytics.conversions, whose ids these pseudonyms are
(
    SELECT
        unhex(any(JSONExtractString(data, 'customers')))  AS secret,
        reinterpretAsUInt64(substring(secret, 1, 8))      AS low,
        reinterpretAsUInt64(substring(secret, 9, 8))      AS high
    FROM fairlead.directory
    WHERE kind = 'secret'
    HAVING length(secret) >= 16
) AS k
WHERE lower(hex(sipHash128ReferenceKeyed((k.low, k.high), conversion_id))) = {pseudonym:String}
