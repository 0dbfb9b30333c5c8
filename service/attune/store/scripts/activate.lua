-- Opens the reward window of a deferred decision.
-- KEYS: spec, due, counts, event key and outcomes key of the decision
-- ARGV: reward window in ms, event_id
-- Returns 1, 0 when it was open before, or -1 when there is no such decision.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return -1
end
if redis.call('GETRANGE', KEYS[4], 0, 0) == '@' or redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('PERSIST', KEYS[4])
redis.call('PERSIST', KEYS[5])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[1]), ARGV[2])
redis.call('HINCRBY', KEYS[3], 'decisions', 1)
return 1
