-- Ends a rebuild: the directory is whole.
-- KEYS: lock, complete, revision, version.  ARGV: token, epoch, version.
-- Answers 0 if the lock is not the caller's any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('INCR', KEYS[3])
redis.call('SET', KEYS[4], ARGV[3])
redis.call('SET', KEYS[2], ARGV[2])
return 1
