-- Reads all that is stored of a customer, as it is.
-- KEYS: of the customer
-- ARGV: none
-- Returns for each its dump, empty where there is none, and its time to live, ms, 0 for no end.
local all = {}
for i = 1, #KEYS do
  all[2 * i - 1] = redis.call('DUMP', KEYS[i]) or ''
  all[2 * i] = math.max(0, redis.call('PTTL', KEYS[i]))
end
return all
