-- Deletes what is stored of a customer under a former key, and notes where it is now.
-- KEYS: of the customer, then where that is noted
-- ARGV: the keyed hash of the customer now; for how many seconds to keep the note
-- Returns 1.
for i = 1, #KEYS - 1 do
  redis.call('DEL', KEYS[i])
end
redis.call('SET', KEYS[#KEYS], ARGV[1], 'EX', ARGV[2])
return 1
