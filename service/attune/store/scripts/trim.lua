-- Removes entries of the training log that were exported and learned from, a limited number of them.
-- KEYS: spec, head, interactions, exported
-- ARGV: the spec and the version that the caller found, the position everybody has learned to, most entries to look
--       at, and ms for which entries stay whatever was done with them
-- Returns how many were removed, 0 when there is nothing left to remove; -1 when there is another head by now, or
-- another spec: then a training may have begun that needs all of the log.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('HGET', KEYS[2], 'version') ~= ARGV[2] then
  return -1
end
local function is_less(one, other)
  local ms, n = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_n = string.match(other, '^(%d+)-(%d+)$')
  ms, n, other_ms, other_n = tonumber(ms), tonumber(n), tonumber(other_ms), tonumber(other_n)
  return ms < other_ms or (ms == other_ms and n < other_n)
end
local bound = redis.call('HGET', KEYS[4], 'interactions')
if not bound then
  return 0
end
if is_less(ARGV[3], bound) then
  bound = ARGV[3]
end
local time = redis.call('TIME')
local young = string.format('%.0f-0', math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[5])))
if is_less(young, bound) then
  bound = young
end
-- The entry at the bound stays, so that a log that had entries never looks as if it had none.
local last = redis.call('XREVRANGE', KEYS[3], '(' .. bound, '-', 'COUNT', 1)[1]
if not last then
  return 0
end
redis.call('HSET', KEYS[4], 'trimmed', last[1])
-- Whole blocks first, a limited number a call: other callers wait meanwhile. What is left is less than a block.
local removed = redis.call('XTRIM', KEYS[3], 'MINID', '~', bound, 'LIMIT', ARGV[4])
if removed == 0 then
  removed = redis.call('XTRIM', KEYS[3], 'MINID', '=', bound)
end
return removed
