-- Commits where a challenger stands: its weights and its record, with cursor and estimates, under the fencing epoch.
-- KEYS: spec, head, challengers, snapshot of the weights, then the snapshot they replace, if any
-- ARGV: epoch, name, record, ordinal of its measuring
-- Returns 1, or 0 when another learner has taken over, the placement is gone, or the weights have expired.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return 0
end
redis.call('PERSIST', KEYS[4])
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
if tonumber(ARGV[4]) > tonumber(redis.call('HGET', KEYS[2], 'measurings') or '0') then
  redis.call('HSET', KEYS[2], 'measurings', ARGV[4])
end
if #KEYS == 5 then
  redis.call('UNLINK', KEYS[5])
end
return 1
