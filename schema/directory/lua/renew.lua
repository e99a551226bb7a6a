-- KEYS: lock, run, complete.
-- ARGV: token, life in ms, name of the run whose lock can be trusted from now on or '', a new epoch.
-- Answers 1 while the lock is the caller's.
--
-- A new run may lack the last changes of the one before and give their revisions to others, so
-- everybody who follows the changes loads the directory anew.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('SET', KEYS[2], ARGV[3])
  redis.call('SET', KEYS[3], ARGV[4], 'XX')
end
return 1
