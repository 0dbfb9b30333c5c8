-- Changes the record of an erasure if it still is what the caller read; what is done moves to the receipts.
-- KEYS: open, done
-- ARGV: id of the receipt; the record as it was read, empty where there is to be none; the new one; 1 when all is done
-- Returns 1, or 0 when somebody was faster.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
