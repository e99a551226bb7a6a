-- KEYS: lock, run.  ARGV: token, life in ms, name of the run whose lock can be trusted from now on or ''.
-- Answers 1 while the lock is the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('SET', KEYS[2], ARGV[3])
end
return 1
