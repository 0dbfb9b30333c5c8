-- Puts a challenger in the place of the placement's policy: spec, head and what is known of it in one step.
-- KEYS: spec, head, versions, challengers, snapshot of the new version, then the challenger's own, if any
-- ARGV: epoch, the spec that the caller has read, and the new one; version, record; the challenger's name
-- Returns 1; 0 when another learner has taken over, the placement is gone, or the weights have expired; -1 when somebody
-- has changed the spec; -2 while a version is pinned.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
if redis.call('EXISTS', KEYS[5]) == 0 then
  return 0
end
if redis.call('GET', KEYS[1]) ~= ARGV[2] then
  return -1
end
if redis.call('HEXISTS', KEYS[2], 'promoted') == 1 then
  return -2
end
redis.call('PERSIST', KEYS[5])
redis.call('SET', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('HSET', KEYS[2], 'version', ARGV[4])
redis.call('HDEL', KEYS[2], 'training')
redis.call('HDEL', KEYS[4], ARGV[6])
if #KEYS == 6 then
  redis.call('UNLINK', KEYS[6])
end
return 1
