-- Notes how far the training has come that is to replace the head, under the fencing epoch; a commit ends it.
-- KEYS: spec, head
-- ARGV: epoch, interactions learned from
-- Returns 1, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], 'training', ARGV[2])
return 1
