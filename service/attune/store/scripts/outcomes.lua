-- Records outcomes, each at most once.
-- KEYS: spec, due, counts, late, then the event key and the outcomes key of each outcome
-- ARGV: seconds to keep what is late, most outcomes of one decision, then event_id, outcome_id and record of each
-- Returns for each outcome: A(ccepted), D(uplicate), L(ate), U(nknown event) or F(ull: too many of this decision).
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local received = string.format('%.0f:', now)
local statuses, accepted, late = {}, 0, 0
for i = 1, (#KEYS - 4) / 2 do
  local event, outcomes = KEYS[2 * i + 3], KEYS[2 * i + 4]
  local event_id, outcome_id, record = ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  if redis.call('EXISTS', event) == 0 then
    statuses[i] = 'U'
  elseif redis.call('HEXISTS', outcomes, outcome_id) == 1 then
    statuses[i] = 'D'
  elseif redis.call('HLEN', outcomes) >= tonumber(ARGV[2]) then
    statuses[i] = 'F'
  else
    local due = redis.call('ZSCORE', KEYS[2], event_id)
    local is_deferred = not due and redis.call('GETRANGE', event, 0, 0) ~= '@'
    if is_deferred or (due and now < tonumber(due)) then
      redis.call('HSET', outcomes, outcome_id, received .. record)
      if is_deferred then
        -- It counts once the decision is activated, and is forgotten with it until then.
        redis.call('EXPIRE', outcomes, math.max(1, redis.call('TTL', event)))
      end
      accepted = accepted + 1
      statuses[i] = 'A'
    else
      redis.call('HSET', outcomes, outcome_id, 'L' .. received .. record)
      if not due then
        redis.call('EXPIRE', outcomes, ARGV[1])
      end
      redis.call('XADD', KEYS[4], '*', 'e', event_id, 'i', outcome_id, 'o', record)
      late = late + 1
      statuses[i] = 'L'
    end
  end
end
if accepted > 0 then
  redis.call('HINCRBY', KEYS[3], 'outcomes', accepted)
end
if late > 0 then
  redis.call('HINCRBY', KEYS[3], 'late', late)
end
return statuses
