-- Forgets what was removed in a batch. Who was overtaken may come to this late: what the next batch has noted stays.
-- KEYS: erasing, erased
-- ARGV: batch, then the ids of its receipts
-- Returns 1, or 0 when another batch goes on.
local ended = {}
for _, name in ipairs(ARGV) do
  ended[name] = true
end
for _, noted in ipairs(redis.call('HKEYS', KEYS[1])) do
  if ended[string.match(noted, '^[^:]*')] then
    redis.call('HDEL', KEYS[1], noted)
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('DEL', KEYS[2])
return 1
