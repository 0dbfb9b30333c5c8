-- Removes offers of the catalogue, and sets of them, that no decision can name any more, a limited number of them.
-- KEYS: spec, offers, offersets, offersets:used, interactions, due
-- ARGV: ms for which they stay after their last use; most to remove
-- Returns how many were removed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local time = redis.call('TIME')
local bound = time[1] * 1000 + math.floor(time[2] / 1000)
-- Whatever is in the log, or on its way there, came after this at the earliest, whenever it was decided.
local first = redis.call('XRANGE', KEYS[5], '-', '+', 'COUNT', 1)[1]
if first then
  bound = math.min(bound, tonumber(string.match(first[1], '^%d+')))
end
local due = redis.call('ZRANGE', KEYS[6], 0, 0, 'WITHSCORES')
if due[2] then
  bound = math.min(bound, tonumber(due[2]))
end
local unused_since = string.format('(%.0f', bound - ARGV[1])
local unused = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', unused_since, 'LIMIT', 0, ARGV[2])
if #unused > 0 then
  redis.call('HDEL', KEYS[2], unpack(unused))
  redis.call('HDEL', KEYS[3], unpack(unused))
  redis.call('ZREM', KEYS[4], unpack(unused))
end
return #unused
