-- Stores what was read of a customer under another key, unless there is something already.
-- KEYS: of the customer
-- ARGV: for each its dump, empty where there is none, and its time to live, ms, 0 for no end
-- Returns 1, or 0 where there was something: then nothing was done.
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    return 0
  end
end
for i = 1, #KEYS do
  if ARGV[2 * i - 1] ~= '' then
    redis.call('RESTORE', KEYS[i], ARGV[2 * i], ARGV[2 * i - 1])
  end
end
return 1
