-- Removes late outcomes of decisions that were removed.
-- KEYS: spec, counts, late, exported, erasing
-- ARGV: batch; then their positions, in their order
-- Returns how many were removed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local function parts(position)
  local ms, n = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
local removed = redis.call('XDEL', KEYS[3], unpack(ARGV, 2))
redis.call('HSET', KEYS[5], ARGV[1] .. ':late', 1)
if removed > 0 then  -- 0 would become -0, which is no integer to the server
  redis.call('HINCRBY', KEYS[2], 'late', -removed)
end
local ms, n = parts(ARGV[#ARGV])
local noted_ms, noted_n = parts(redis.call('HGET', KEYS[4], 'erased:late') or '0-0')
if noted_ms < ms or (noted_ms == ms and noted_n < n) then
  redis.call('HSET', KEYS[4], 'erased:late', ARGV[#ARGV])
end
return removed
