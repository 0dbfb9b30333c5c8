-- Keeps a lease as long as no later epoch has begun, even when it had run out meanwhile.
-- KEYS: spec, lease, head
-- ARGV: owner, lease time in ms, epoch
-- Returns 1, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[3], 'epoch') ~= ARGV[3] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
