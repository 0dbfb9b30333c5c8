-- Makes a version serve that is kept, whatever the learner commits; or ends that.
-- KEYS: spec, head, versions
-- ARGV: version, 0 for the newest
-- Returns 1, or 0 when the version is not kept.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
if ARGV[1] == '0' then
  redis.call('HDEL', KEYS[2], 'promoted')
  return 1
end
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[2], 'promoted', ARGV[1])
return 1
