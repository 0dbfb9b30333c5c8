-- Adds to histories of customers, each if consent is what it was when the decision was made: who has just withdrawn it
-- has none.
-- KEYS: of each consent, seen
-- ARGV: seconds to keep a history; how many entries; then of each consent as it was read, the number of new entries, and
--       these
-- Returns of each 1, or 0 where nothing was added.
local added, at = {}, 3
for i = 1, #KEYS, 2 do
  local last = at + 1 + ARGV[at + 1]
  if (redis.call('GET', KEYS[i]) or '') == ARGV[at] then
    if redis.call('RPUSH', KEYS[i + 1], unpack(ARGV, at + 2, last)) > tonumber(ARGV[2]) then
      redis.call('LTRIM', KEYS[i + 1], -ARGV[2], -1)
    end
    redis.call('EXPIRE', KEYS[i + 1], ARGV[1])
    added[#added + 1] = 1
  else
    added[#added + 1] = 0
  end
  at = last + 1
end
return added
