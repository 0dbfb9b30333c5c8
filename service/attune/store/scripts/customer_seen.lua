-- Adds to a customer's history, if consent is what it was when the decision was made: who has just withdrawn it has none.
-- KEYS: consent, seen
-- ARGV: consent as it was read; seconds to keep the history; how many entries; then the new ones
-- Returns 1, or 0 where nothing was added.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if redis.call('RPUSH', KEYS[2], unpack(ARGV, 4)) > tonumber(ARGV[3]) then
  redis.call('LTRIM', KEYS[2], -ARGV[3], -1)
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
