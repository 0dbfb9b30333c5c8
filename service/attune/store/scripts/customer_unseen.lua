-- Takes back what was added to a customer's history and was not shown after all.
-- KEYS: seen
-- ARGV: the entries
-- Returns how many were there, in a list: what others share calls of returns an answer for each.
local n_there = 0
for _, entry in ipairs(ARGV) do
  n_there = n_there + redis.call('LREM', KEYS[1], -1, entry)
end
return {n_there}
