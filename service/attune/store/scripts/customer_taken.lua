-- Notes in a customer's history what came of what was shown.
-- KEYS: seen
-- ARGV: of each outcome the entry that it takes the place of, empty for none, and its own
-- Returns 1, or 0 where there is no history any more: then nothing was done.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
for i = 1, #ARGV, 2 do
  if ARGV[i] ~= '' then
    redis.call('LREM', KEYS[1], 1, ARGV[i])
  end
  redis.call('RPUSH', KEYS[1], ARGV[i + 1])
end
return 1
