-- Lets a policy start untrained: nothing serves that was learned before, and whoever learns now is fenced off.
-- KEYS: spec, head, lease
-- ARGV: the spec that the caller has read, and the new one
-- Returns 1, or 0 when somebody was faster or the placement is gone.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], 'version', 'promoted', 'training', 'baseline')
-- See acquire.lua. The lease goes, too: nobody has to wait until it runs out.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
redis.call('HSET', KEYS[2], 'epoch', string.format('%.0f', math.max(now, last + 1)))
redis.call('DEL', KEYS[3])
return 1
