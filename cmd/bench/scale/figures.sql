-- Valid clicks by the facts and by what was derived from them: six times in the breakdowns.
SELECT
    (SELECT countIf(verdict = 'valid') FROM fairlead.clicks)     AS facts,
    (SELECT sum(clicks) FROM fairlead.partner_days)              AS partner_days,
    (SELECT sum(clicks) FROM fairlead.partner_months)            AS partner_months,
    (SELECT sum(clicks) FROM fairlead.link_days)                 AS link_days,
    (SELECT sum(clicks) / 6 FROM fairlead.breakdown_days)        AS breakdown_days
