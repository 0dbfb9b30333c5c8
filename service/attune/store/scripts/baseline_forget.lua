-- Forgets the baseline of a control group that learns no more, under the fencing epoch.
-- KEYS: spec, head, baseline, its snapshot
-- ARGV: epoch
-- Returns 1, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[2], 'baseline')
redis.call('UNLINK', KEYS[3], KEYS[4])
return 1
