-- Says that a learner is there, and tells who else is.
-- KEYS: learners
-- ARGV: the learner, for how many ms this holds; 0 takes it back
-- Returns everybody who is there now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', KEYS[1], 0, -1)
