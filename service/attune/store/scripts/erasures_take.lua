-- Takes the right to carry out erasures for a time, or keeps it.
-- KEYS: lease
-- ARGV: owner; for how long, in ms
-- Returns 1, or 0 where somebody else has it: then nothing was done.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
