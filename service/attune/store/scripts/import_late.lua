-- Appends late outcomes from elsewhere, each unless its decision is unknown or the outcome is known.
-- KEYS: spec, counts, late, then the event key and the outcomes key of each outcome
-- ARGV: seconds to keep them; then event_id, outcome_id and record of each
-- Returns for each outcome: L(ate), D(uplicate) or U(nknown event).
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local statuses, late = {}, 0
for i = 1, (#KEYS - 3) / 2 do
  local event, outcomes = KEYS[2 * i + 2], KEYS[2 * i + 3]
  local event_id, outcome_id, record = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  if redis.call('GETRANGE', event, 0, 0) ~= '@' then
    statuses[i] = 'U'
  elseif redis.call('HEXISTS', outcomes, outcome_id) == 1 then
    statuses[i] = 'D'
  else
    local logged = string.sub(redis.call('GET', event), 2)
    local position = redis.call('XADD', KEYS[3], '*', 'e', event_id, 'i', outcome_id, 'o', record, 'p', logged)
    redis.call('HSET', outcomes, outcome_id, 'L' .. position .. ':' .. record)
    redis.call('EXPIRE', outcomes, ARGV[1])
    late = late + 1
    statuses[i] = 'L'
  end
end
if late > 0 then
  redis.call('HINCRBY', KEYS[2], 'late', late)
end
return statuses
