-- Commits where the baseline of a control group stands: weights and record, with cursor, under the fencing epoch.
-- KEYS: spec, head, baseline, snapshot of the weights, then the snapshot they replace, if any
-- ARGV: epoch, number of the weights, record
-- Returns 1, or 0 when another learner has taken over, the placement is gone, or the weights have expired.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return 0
end
redis.call('PERSIST', KEYS[4])
redis.call('SET', KEYS[3], ARGV[3])
redis.call('HSET', KEYS[2], 'baseline', ARGV[2])
if #KEYS == 5 then
  redis.call('UNLINK', KEYS[5])
end
return 1
