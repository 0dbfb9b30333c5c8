-- Replaces a value if it still is what the caller read.
-- KEYS: spec
-- ARGV: the value read, empty when there was none, and the new one
-- Returns 1, or 0 when somebody was faster.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
