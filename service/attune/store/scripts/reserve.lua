-- Gives out a version number that was never given out before.
-- KEYS: spec, head
-- ARGV: epoch
-- Returns the number, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
return redis.call('HINCRBY', KEYS[2], 'reserved', 1)
