-- Begins the deletion of a placement, or takes over one that was cut short. From here on nothing is written for it.
-- KEYS: spec, deleting
-- ARGV: token of the caller
-- Returns 1, or 0 when there is nothing to delete.
if redis.call('DEL', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1])
return 1
