-- Takes the writer's lock.
-- KEYS: lock, run.  ARGV: token, life in ms.
-- Answers {taken 0|1, ms to wait before the first write, name of this run if it is not yet trusted or ''}.
--
-- The lock can be trusted while Redis is the run that the key "run" names. A run that is another
-- primary's, or follows a loss, may have forgotten a holder, who believes in its lock for one life more.
-- A primary that was merely restarted knows how long ago that was.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return {0, 0, ''}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])

local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
local run = string.match(info, 'run_id:(%w+)') .. '/' .. string.match(info, 'master_replid:(%w+)')
local known = redis.call('GET', KEYS[2])
if known == run then
  return {1, 0, ''}
end
local wait = tonumber(ARGV[2])
local promoted = string.find(string.match(info, 'master_replid2:(%w+)'), '[^0]')
if known and not promoted then
  wait = math.max(0, wait - 1000 * tonumber(string.match(info, 'uptime_in_seconds:(%d+)')))
end
return {1, wait, run}
