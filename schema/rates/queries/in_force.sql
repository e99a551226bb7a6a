SELECT
    day,
    currency,
    toString(argMax(r.rate, r.noted_at))  AS rate,
    max(r.noted_at)                       AS noted,
    argMax(r.actor, r.noted_at)           AS actor
FROM fairlead.rates AS r
WHERE base = {base:String}
  AND ({currency:String} = '' OR currency = {currency:String})
GROUP BY currency, day
ORDER BY currency, day
