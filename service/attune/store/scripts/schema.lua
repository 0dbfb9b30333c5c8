-- Writes what the schema guard knows, under the fencing epoch.
-- KEYS: spec, head, schema
-- ARGV: epoch, state, findings
-- Returns 1, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[3], 'state', ARGV[2], 'findings', ARGV[3])
return 1
