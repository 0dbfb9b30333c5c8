-- Counts what was used of budgets.
-- KEYS: the hash of each day
-- ARGV: seconds to keep a day; then the number of a key, the id of an offer, impressions and spend, in millionths, of
--       each; both may be negative, where something is given back
-- Returns for each its impressions and spend of the day now, one after the other.
local totals = {}
for i = 2, #ARGV, 4 do
  local key, offer = tonumber(ARGV[i]), ARGV[i + 1]
  totals[#totals + 1] = redis.call('HINCRBY', KEYS[key], 'i' .. offer, ARGV[i + 2])
  totals[#totals + 1] = redis.call('HINCRBY', KEYS[key], 's' .. offer, ARGV[i + 3])
end
for i = 1, #KEYS do
  redis.call('EXPIRE', KEYS[i], ARGV[1])
end
return totals
