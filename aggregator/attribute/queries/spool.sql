WITH known AS
(
    SELECT
        if(t.least = 0, c.names[1], t.least)  AS customer,
        c.*
    FROM
    (
        SELECT
            node, seq, received_at, occurred_at, kind, source, test, conversion_id, content, customer_id, aliases, click_id, click_state,
            link_id, partner_id, clicked_at, credit_partner_id, amount, gross, running, currency, invoice, payments, refund, coupons, names
        FROM fairlead.conversions
    ) AS c
    LEFT JOIN ties AS t ON t.name = c.names[1]
)
SELECT *
FROM known
WHERE {since:UInt32} = 0
   OR customer IN (SELECT customer FROM known WHERE toYYYYMM(occurred_at) >= {since:UInt32})
