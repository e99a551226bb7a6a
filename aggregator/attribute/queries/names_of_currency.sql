SELECT DISTINCT arrayJoin(names)
FROM fairlead.conversions
WHERE currency = {currency:String}
  AND kind = 'sale'
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
