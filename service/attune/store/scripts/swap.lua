-- Replaces a value if it still is what the caller read, unless what it belongs to is being deleted.
-- KEYS: spec, deleting
-- ARGV: the value read, empty when there was none, and the new one
-- Returns 1, 0 when somebody was faster, or -1 while a deletion is under way.
if redis.call('EXISTS', KEYS[2]) == 1 then
  return -1
end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
