-- Requests as browsers make them, to links all over the directory. They are made before the load begins,
-- so that making them costs the load generator nothing.

local agents = {
   "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
   "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
   "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
   "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
   "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
   "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
   "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
}
local languages = { "en-US,en;q=0.9", "en-GB,en;q=0.8", "de-DE,de;q=0.9,en;q=0.7", "fr-CA,fr;q=0.9,en;q=0.5", "nl" }
local pages = { "best-shoes-of-the-year", "spring", "what-we-wear", "a-long-walk", "gear", "ten-gifts" }

local requests, at = {}, 0

function init(args)
   local links = tonumber(args[1])
   for i = 1, 8192 do
      requests[i] = wrk.format("GET", string.format("/p%d/spring", (i * 7919) % links + 1), {
         ["User-Agent"] = agents[i % #agents + 1],
         ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
         ["Accept-Encoding"] = "gzip, deflate, br, zstd",
         ["Accept-Language"] = languages[i % #languages + 1],
         ["Referer"] = "https://blog.example/reviews/" .. pages[i % #pages + 1],
         ["Sec-Fetch-Dest"] = "document",
         ["Sec-Fetch-Mode"] = "navigate",
         ["Sec-Fetch-Site"] = "cross-site",
         ["Sec-Fetch-User"] = "?1",
         ["Upgrade-Insecure-Requests"] = "1",
      })
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      'answered {"requests":%d,"micros":%d,"p50":%.1f,"p99":%.1f,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect, e.read, e.write, e.timeout, e.status))
end
