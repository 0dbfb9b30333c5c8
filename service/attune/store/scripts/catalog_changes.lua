-- Tells what has changed in the catalogue since a revision; mostly nothing.
-- KEYS: head, changes, deleted, revisions
-- ARGV: the revision, 0 to be told everything
-- Returns the revision now, the store's time (ms), 1 when what follows is everything there is, else 0; then a list of
-- the ids of offers that were put, each followed by the revision that did, and a list of the ids that were deleted.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'revision', 'forgotten')
local revision, forgotten = tonumber(known[1] or 0), tonumber(known[2] or 0)
local since = tonumber(ARGV[1])
-- Unknown, or later than the newest: the store has lost what the caller has seen.
local is_known = since == revision or (since < revision and redis.call('ZSCORE', KEYS[4], ARGV[1]))
if since == 0 or since < forgotten or not is_known then
  return {revision, now, 1, redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'), {}}
end
if since == revision then
  return {revision, now, 0, {}, {}}
end
local after = '(' .. ARGV[1]
return {
  revision, now, 0,
  redis.call('ZRANGEBYSCORE', KEYS[2], after, '+inf', 'WITHSCORES'),
  redis.call('ZRANGEBYSCORE', KEYS[3], after, '+inf'),
}
