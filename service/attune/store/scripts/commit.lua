-- Makes a written snapshot the head: weights pointer and cursor (in the record) together, under the fencing epoch.
-- KEYS: spec, head, versions, snapshot of the version, then the snapshots of versions to drop
-- ARGV: epoch, version, record, then the versions to drop
-- Returns 1, or 0 when another learner has taken over, the placement is gone, or the weights have expired.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return 0
end
redis.call('PERSIST', KEYS[4])
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[2], 'version', ARGV[2])
redis.call('HDEL', KEYS[2], 'training')
local promoted = redis.call('HGET', KEYS[2], 'promoted')
for i = 4, #ARGV do
  -- It may have been promoted since the caller looked.
  if ARGV[i] ~= promoted then
    redis.call('HDEL', KEYS[3], ARGV[i])
    redis.call('UNLINK', KEYS[i + 1])
  end
end
return 1
