-- Changes what is stored of a customer, if it is as it was read.
-- KEYS: profile, consent, seen, activities
-- ARGV: SHA-1 of the profile as it was read, consent as it was read; profile and consent as they shall be, empty for
--       none; seconds to keep the profile, seconds to keep the consent or 0 for ever; 1 to forget the history; the time,
--       ms; how long ids of activities are kept, s; how many of them; then digests of those that the profile now has
-- Returns 1, or 0 where somebody else has changed it: then nothing was done.
if redis.sha1hex(redis.call('GET', KEYS[1]) or '') ~= ARGV[1] or (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[5])
end
if ARGV[4] == '' then
  redis.call('DEL', KEYS[2])
elseif ARGV[6] == '0' then
  redis.call('SET', KEYS[2], ARGV[4])
else
  redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[6])
end
if ARGV[7] == '1' then
  redis.call('DEL', KEYS[3])
  redis.call('DEL', KEYS[4])
end
if #ARGV > 10 then
  local noted = {}
  for i = 11, #ARGV do
    noted[#noted + 1] = ARGV[8]
    noted[#noted + 1] = ARGV[i]
  end
  redis.call('ZADD', KEYS[4], unpack(noted))
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[8] - 1000 * ARGV[9])
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - ARGV[10])
  redis.call('EXPIRE', KEYS[4], ARGV[9])
end
return 1
