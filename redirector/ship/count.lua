-- Adds to a hash of live counters and moves a node's position in it, both or neither.
-- KEYS[1] the hash; ARGV: field of the position, position expected, new position, field of the epoch, epoch, then field
-- and number in turn.
-- Answers {0, position} when done, {1, position} when the position is another, {2, position} when the hash is of another epoch.
local was = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[4])
local at = was[1] or '0'
if was[2] ~= ARGV[5] then
    return {2, at}
end
if at ~= ARGV[2] then
    return {1, at}
end
for i = 6, #ARGV, 2 do
    redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {0, ARGV[3]}
