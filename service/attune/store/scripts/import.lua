-- Appends interactions from elsewhere to the training log, each unless its event_id is known.
-- KEYS: spec, counts, interactions, then the event key and the outcomes key of each interaction
-- ARGV: seconds to keep tombstones; 1 to append also what is known but was trimmed, else 0; then for each interaction
--       its record, its number of outcomes, and outcome_id and value (see the key `outcomes`) of each outcome
-- Returns how many were appended.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local function is_known(event)
  if redis.call('EXISTS', event) == 0 then
    return false
  end
  if ARGV[2] ~= '1' or redis.call('GETRANGE', event, 0, 0) ~= '@' then
    return true
  end
  local position = string.sub(redis.call('GET', event), 2)
  return #redis.call('XRANGE', KEYS[3], position, position) > 0
end
local appended, restored, at = 0, 0, 3
for i = 4, #KEYS, 2 do
  local event, outcomes = KEYS[i], KEYS[i + 1]
  local entry, recorded, is_recorded = {'d', ARGV[at]}, {}, {}
  local first, last = at + 2, at + 1 + 2 * ARGV[at + 1]
  for j = first, last, 2 do
    entry[#entry + 1] = 'o' .. ARGV[j]
    entry[#entry + 1] = ARGV[j + 1]
    recorded[#recorded + 1] = ARGV[j]
    recorded[#recorded + 1] = ARGV[j + 1]
    is_recorded[ARGV[j]] = true
  end
  at = last + 1
  if not is_known(event) then
    -- What came late of a decision that was trimmed: the stream of late outcomes names the place where it stood.
    local heard = redis.call('HGETALL', outcomes)
    for j = 1, #heard, 2 do
      if not is_recorded[heard[j]] then
        entry[#entry + 1] = 'o' .. heard[j]
        entry[#entry + 1] = heard[j + 1]
      end
    end
    restored = restored + redis.call('EXISTS', event)
    local position = redis.call('XADD', KEYS[3], '*', unpack(entry))
    redis.call('SET', event, '@' .. position, 'EX', ARGV[1])
    -- So that an outcome that is sent once more is a duplicate.
    if #recorded > 0 then
      redis.call('HSET', outcomes, unpack(recorded))
      redis.call('EXPIRE', outcomes, ARGV[1])
    end
    appended = appended + 1
  end
end
if appended > 0 then
  redis.call('HINCRBY', KEYS[2], 'interactions', appended - restored)  -- those were counted before
end
return appended
