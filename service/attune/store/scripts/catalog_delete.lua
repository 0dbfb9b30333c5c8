-- Takes offers out of the catalogue, and remembers the latest that were.
-- KEYS: offers, changes, deleted, head, revisions
-- ARGV: most deletions to remember, most revisions to remember, then the ids
-- Returns the revision, and how many were there.
local gone, size = {}, 0
for i = 3, #ARGV do
  size = size + redis.call('HSTRLEN', KEYS[1], ARGV[i])
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    gone[#gone + 1] = ARGV[i]
  end
end
local revision = tonumber(redis.call('HGET', KEYS[4], 'revision') or 0)
if #gone == 0 then
  return {revision, 0}
end
local time = redis.call('TIME')
revision = math.max(revision + 1, time[1] * 1000 + math.floor(time[2] / 1000))
local score = string.format('%.0f', revision)
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZADD', KEYS[3], score, id)
end
redis.call('HSET', KEYS[4], 'revision', score)
redis.call('HINCRBY', KEYS[4], 'bytes', -size)
redis.call('ZADD', KEYS[5], score, score)
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -1 - ARGV[2])
local excess = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[1])
if excess > 0 then
  local forgotten = redis.call('ZRANGE', KEYS[3], excess - 1, excess - 1, 'WITHSCORES')[2]
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', forgotten)
  redis.call('HSET', KEYS[4], 'forgotten', forgotten)
end
return {revision, #gone}
