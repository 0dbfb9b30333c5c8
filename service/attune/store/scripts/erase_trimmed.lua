-- Removes what is left of decisions whose entries of the training log were trimmed: policies have learned from them.
-- KEYS: spec, erasing, erased, then the event key and the outcomes key of each decision
-- ARGV: batch; then of each decision its event_id and whose receipt counts it
-- Returns how many there were.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local removed = 0
for i = 4, #KEYS, 2 do
  local event_id, receipt = ARGV[i - 2], ARGV[i - 1]
  if redis.call('DEL', KEYS[i], KEYS[i + 1]) > 0 then
    redis.call('SADD', KEYS[3], event_id)
    redis.call('HINCRBY', KEYS[2], receipt .. ':trimmed', 1)
    redis.call('HSET', KEYS[2], ARGV[1] .. ':removed', 1, ARGV[1] .. ':learned', 1)
    removed = removed + 1
  end
end
return removed
