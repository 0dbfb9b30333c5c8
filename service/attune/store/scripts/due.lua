-- Reads which decisions' reward windows have closed.
-- KEYS: due
-- ARGV: how many at most
-- Returns their event_ids, the earliest first.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
