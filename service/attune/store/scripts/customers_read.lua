-- Reads what decisions look at of several customers.
-- KEYS: of each profile, consent, seen
-- ARGV: of each how many of the newest entries of `seen` to read
-- Returns of each profile and consent, empty where there is none, and entries of `seen`, the newest last.
local found = {}
for i = 1, #ARGV do
  local seen = {}
  if ARGV[i] ~= '0' then
    seen = redis.call('LRANGE', KEYS[3 * i], -ARGV[i], -1)
  end
  found[i] = {redis.call('GET', KEYS[3 * i - 2]) or '', redis.call('GET', KEYS[3 * i - 1]) or '', seen}
end
return found
