-- Removes what is left of decisions whose entries of the training log were trimmed: policies have learned from them.
-- What is there under such an id and was not removed before is of somebody else: a history may name a decision that was
-- refused, because its id was taken, by a server that died before it could take that back.
-- KEYS: spec, interactions, erasing, erased, then the event key and the outcomes key of each decision
-- ARGV: batch; then of each decision its event_id and whose receipt counts it
-- Returns how many there were.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local removed = 0
for i = 5, #KEYS, 2 do
  local event_id, receipt = ARGV[i - 3], ARGV[i - 2]
  local found = redis.call('GET', KEYS[i])
  local position = found and string.match(found, '^@(%d+%-%d+)$')
  local is_anothers = found and (not position or #redis.call('XRANGE', KEYS[2], position, position) > 0)
  if not is_anothers and redis.call('DEL', KEYS[i], KEYS[i + 1]) > 0 then
    redis.call('SADD', KEYS[4], event_id)
    redis.call('HINCRBY', KEYS[3], receipt .. ':trimmed', 1)
    redis.call('HSET', KEYS[3], ARGV[1] .. ':removed', 1, ARGV[1] .. ':learned', 1)
    removed = removed + 1
  end
end
return removed
