-- Notes how far a stream has been exported; a smaller position than the one that is noted changes nothing.
-- KEYS: spec, exported
-- ARGV: name of the stream, position
-- Returns 1, or 0 when it changed nothing.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local function parts(position)
  local ms, n = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
local ms, n = parts(ARGV[2])
local noted_ms, noted_n = parts(redis.call('HGET', KEYS[2], ARGV[1]) or '0-0')
if ms < noted_ms or (ms == noted_ms and n <= noted_n) then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
