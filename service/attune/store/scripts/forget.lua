-- Forgets challengers that the placement does not name any more, under the fencing epoch.
-- KEYS: spec, head, challengers, then the snapshot of each
-- ARGV: epoch, then the name of each
-- Returns 1, or 0 when another learner has taken over or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
for i = 2, #ARGV do
  redis.call('HDEL', KEYS[3], ARGV[i])
  redis.call('UNLINK', KEYS[i + 2])
end
return 1
