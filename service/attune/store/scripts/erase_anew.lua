-- Begins a training without what was removed, once in a batch, and takes the placement from whoever has learned from it.
-- KEYS: spec, deleting, head, lease, interactions, schema, erasing
-- ARGV: the spec that the caller has read, and the new one; batch; the generation of the new one, 0 where nothing was
--       learned from what was removed; what is learned from begins behind this position, or with -
-- Returns 1, 0 when somebody was faster, or -1 while the placement is being deleted.
if redis.call('EXISTS', KEYS[2]) == 1 then
  return -1
end
if redis.call('HEXISTS', KEYS[7], ARGV[3] .. ':generation') == 1 then
  return 1
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
-- The learner, its challengers and its schema guard have things in memory that nobody may write any more: see reset.lua.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('HGET', KEYS[3], 'epoch') or '0')
redis.call('HSET', KEYS[3], 'epoch', string.format('%.0f', math.max(now, last + 1)))
redis.call('DEL', KEYS[4], KEYS[6])
local reserved = redis.call('HGET', KEYS[3], 'reserved') or '0'
redis.call('HSET', KEYS[7], ARGV[3] .. ':generation', ARGV[4], ARGV[3] .. ':reserved', reserved)
if ARGV[4] ~= '0' and #redis.call('XRANGE', KEYS[5], ARGV[5], '+', 'COUNT', 1) == 0 then
  -- Nothing is left to learn from: nobody would ever commit what replaces the head.
  redis.call('HDEL', KEYS[3], 'version', 'promoted', 'training', 'baseline')
end
return 1
