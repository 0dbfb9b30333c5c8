-- Reads what was used of budgets.
-- KEYS: the hash of each day
-- ARGV: nothing
-- Returns for each day its fields and their values, one after the other.
local days = {}
for i = 1, #KEYS do
  days[i] = redis.call('HGETALL', KEYS[i])
end
return days
