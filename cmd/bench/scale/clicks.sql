INSERT INTO fairlead.clicks
    (node, seq, clicked_at, partner_id, link_id, slug, destination, click_nonce, click_tag, verdict, verdict_reason, visitor,
     referrer_host, referrer_path, country, device, os, browser, language, sub_id, sub_id1, utm_source, utm_medium, utm_campaign, data_version)
WITH
    -- Numbers between 0 and 1 that depend on the row and the place alone: a run can be repeated.
    (place -> intHash64(number + place * 100000000000) / 18446744073709551616.)          AS drawn,
    -- The traffic grows from six tenths to fourteen tenths of its mean, and every day has its noon.
    {days:UInt32} * (sqrt(0.36 + 1.6 * number / {rows:UInt64}) - 0.6) / 0.8                        AS moment,
    moment - floor(moment)                                                              AS of_day,
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp({from:DateTime('UTC')})) * 1000
        + toInt64(86400000 * (floor(moment) + least(of_day + 0.1 * sin(2 * pi() * of_day), 0.99999999))), 'UTC')  AS at,
    drawn(1)                                                                            AS of_verdict,
    of_verdict >= 0.99                                                                  AS unknown,
    -- One partner in a hundred has half of the clicks.
    if(unknown, 0, 1 + toUInt32({partners:UInt32} * pow(drawn(2), 6)))                  AS partner,
    if(unknown, 0, partner * 64 + toUInt32((1 + intHash32(partner) % 24) * pow(drawn(3), 2)))  AS link,
    intHash64(link)                                                                     AS of_link,
    drawn(4) AS a, drawn(5) AS b, drawn(6) AS c, drawn(7) AS d,
    intHash64(number + 900000000000) AS bits
SELECT
    concat('scale', toString(number % {nodes:UInt32}))                                  AS node,
    intDiv(number, {nodes:UInt32}) + 1                                                  AS seq,
    at,
    partner,
    link,
    if(unknown, concat('typo', toString(bits % 5000)), concat('p', toString(partner), '/', toString(link % 64)))  AS slug,
    if(unknown, '', concat('https://shop.example/', ['', 'collections/spring-', 'products/chair-', 'blog/how-to-'][1 + of_link % 4], if(of_link % 4 = 0, '', toString(of_link % 300)),
        if(of_link % 3 = 0, concat('?ref=', toString(of_link % 50)), '')))              AS destination,
    bitShiftLeft(toUInt64(number % {nodes:UInt32}), 24) + seq % 16777216                AS click_nonce,
    intHash64(number + 7)                                                               AS click_tag,
    multiIf(of_verdict < 0.90, 'valid', of_verdict < 0.96, 'bot', of_verdict < 0.98, 'prefetch', of_verdict < 0.985, 'embedded',
        unknown, 'unknown_link', of_verdict < 0.987, 'suspended', of_verdict < 0.9885, 'disabled', 'expired')  AS verdict,
    if(verdict = 'bot', ['Googlebot', 'bingbot', 'AhrefsBot', 'curl', 'GPTBot'][1 + bits % 5], '')  AS verdict_reason,
    -- A quarter of a partner's clicks of a day is made by regulars.
    cityHash64(toDate(at), partner, if(bits % 4 = 0, bits % 64, number))                AS visitor,
    multiIf(a < 0.35, '', a < 0.88, ['www.google.com', 'm.youtube.com', 'www.youtube.com', 't.co', 'www.facebook.com', 'l.instagram.com', 'www.reddit.com', 'www.bing.com',
        'duckduckgo.com', 'news.ycombinator.com', 'www.tiktok.com', 'www.linkedin.com'][1 + toUInt8(12 * pow((a - 0.35) / 0.53, 2))],
        concat('blog', toString(toUInt32(3000 * pow((a - 0.88) / 0.12, 2))), '.example'))  AS referrer_host,
    if(a < 0.88, '', concat('/', toString(of_link % 40), '/', toString(bits % 20)))     AS referrer_path,
    ['US', 'DE', 'GB', 'CA', 'FR', 'IN', 'BR', 'AU', 'NL', 'ES', 'IT', 'PL', 'SE', 'JP', 'MX', 'CH', 'AT', 'BE', 'DK', 'NO', 'FI', 'IE', 'PT', 'CZ', 'TR', 'ZA', 'KR', 'SG', 'NZ', 'RO',
        'GR', 'HU', 'IL', 'AE', 'AR', 'CL', 'CO', 'TH', 'VN', ''][1 + toUInt8(40 * pow(b, 3))]  AS country,
    if(verdict = 'bot', 'bot', ['mobile', 'desktop', 'tablet', 'tv', ''][1 + toUInt8(5 * pow(c, 3))])  AS device,
    multiIf(device = 'mobile', if(d < 0.6, 'Android', 'iOS'), device = 'desktop', if(d < 0.7, 'Windows', if(d < 0.9, 'macOS', 'Linux')), '')  AS os,
    ['Chrome', 'Safari', 'Edge', 'Firefox', 'Samsung Internet', 'Opera', ''][1 + toUInt8(7 * pow(d, 3))]  AS browser,
    ['en-US', 'de', 'en-GB', 'fr', 'es', 'pt-BR', 'nl', 'it', 'pl', ''][1 + toUInt8(10 * pow(b, 2))]  AS language,
    -- One partner in fifty buys clicks from a network that numbers them.
    multiIf(unknown, '', partner % 50 = 7, lower(hex(bits)), drawn(8) < 0.6, '', concat('campaign-', toString(toUInt8(20 * pow(drawn(9), 2)))))  AS sub_id,
    if(bits % 16 = 3, concat('placement-', toString(bits % 7)), '')                     AS sub_id1,
    if(bits % 3 = 0, ['newsletter', 'youtube', 'blog', 'x'][1 + of_link % 4], '')       AS utm_source,
    if(utm_source = '', '', ['email', 'video', 'post', 'social'][1 + of_link % 4])      AS utm_medium,
    if(utm_source = '', '', concat('spring-', toString(of_link % 40)))                  AS utm_campaign,
    '2026-11'                                                                           AS data_version
FROM numbers({first:UInt64}, {count:UInt64})
