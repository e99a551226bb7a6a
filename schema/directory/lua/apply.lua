-- Brings entries of the directory to the versions given.
-- KEYS: 1 lock, 2 complete, 3 revision, 4 changed, 5 version, 6 slugs, 7 emails, 8… hashes of kinds and sets of links.
-- ARGV: 1 token, 2 force 0|1, 3 version that Redis must have and 4 that it has then (both '' to leave it),
--       5 most members of changed, 6 an epoch to use when there are more;
--       then per entry: kind, id, version, value ('' takes it out), number of its hash's key, number of its links' key or 0,
--       count of keys it claims, those, count of keys it gives up, those.
-- Answers how many entries changed; -1: the lock is not the caller's; -2: the directory is being rebuilt.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  return -2
end

local function index(key)
  local colon = string.find(key, ':', 1, true)
  local which = string.sub(key, 1, colon - 1)
  local rest = string.sub(key, colon + 1)
  if which == 'slug' then
    return KEYS[6], rest
  elseif which == 'email' then
    return KEYS[7], rest
  end
end

local function version(value)
  return value and tonumber(string.match(value, '^{"v":(%d+)'))
end

local i, changed = 7, 0
while i <= #ARGV do
  local kind, id, v, value = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local hash, links = KEYS[tonumber(ARGV[i + 4])], KEYS[tonumber(ARGV[i + 5])]
  local has = version(redis.call('HGET', hash, id))
  local write = ARGV[2] == '1' or not has or has < v
  i = i + 6
  local claims = tonumber(ARGV[i])
  for n = i + 1, i + claims do
    local at, name = index(ARGV[n])
    if write and at and value ~= '' then
      redis.call('HSET', at, name, id)
    end
  end
  i = i + 1 + claims
  local gives = tonumber(ARGV[i])
  for n = i + 1, i + gives do
    local at, name = index(ARGV[n])
    if write and at and redis.call('HGET', at, name) == id then
      redis.call('HDEL', at, name)
    end
  end
  i = i + 1 + gives
  if write then
    if value == '' then
      redis.call('HDEL', hash, id)
      if links then redis.call('ZREM', links, id) end
    else
      redis.call('HSET', hash, id, value)
      if links then redis.call('ZADD', links, id, id) end
    end
    redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[3]), kind .. ':' .. id)
    changed = changed + 1
  end
end

if ARGV[3] ~= '' and redis.call('GET', KEYS[5]) == ARGV[3] then
  redis.call('SET', KEYS[5], ARGV[4])
end
if changed > 0 and redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[4])
  redis.call('SET', KEYS[2], ARGV[6])
end
return changed
