-- Removes decisions that are not in the training log, with their outcomes.
-- KEYS: spec, due, counts, erasing, erased, then the event key and the outcomes key of each decision
-- ARGV: batch; then of each decision its event_id and whose receipt counts it
-- Returns how many were removed. What has moved into the log meanwhile is left alone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local function count(name, n)
  if n > 0 then  -- 0 would become -0, which is no integer to the server
    redis.call('HINCRBY', KEYS[3], name, -n)
  end
end
local removed = 0
for i = 6, #KEYS, 2 do
  local event_id, receipt = ARGV[i - 4], ARGV[i - 3]
  local record = redis.call('GETRANGE', KEYS[i], 0, 0)
  if record ~= '' and record ~= '@' then
    local outcomes = 0
    for _, value in ipairs(redis.call('HVALS', KEYS[i + 1])) do
      outcomes = outcomes + (string.sub(value, 1, 1) == 'L' and 0 or 1)
    end
    redis.call('DEL', KEYS[i], KEYS[i + 1])
    count('decisions', redis.call('ZREM', KEYS[2], event_id))
    count('outcomes', outcomes)
    redis.call('HINCRBY', KEYS[4], receipt .. ':pending', 1)
    redis.call('HSET', KEYS[4], ARGV[1] .. ':removed', 1)
    redis.call('SADD', KEYS[5], event_id)
    removed = removed + 1
  end
end
return removed
