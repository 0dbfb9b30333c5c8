-- Reads what is stored of a customer.
-- KEYS: profile, consent, seen; activities where their ids are asked for
-- ARGV: how many of the newest entries of `seen` to read, then digests of ids of activities
-- Returns profile and consent, empty where there is none; entries of `seen`, the newest last; for each digest its time, or
-- nil where it is not known.
local seen, known = {}, {}
if tonumber(ARGV[1]) > 0 then
  seen = redis.call('LRANGE', KEYS[3], -tonumber(ARGV[1]), -1)
end
if #ARGV > 1 then
  known = redis.call('ZMSCORE', KEYS[4], unpack(ARGV, 2))
end
return {redis.call('GET', KEYS[1]) or '', redis.call('GET', KEYS[2]) or '', seen, known}
