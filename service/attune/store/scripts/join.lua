-- Moves decisions whose reward window has closed into the training log, together with their outcomes.
-- KEYS: spec, due, counts, interactions, then the event key and the outcomes key of each decision
-- ARGV: seconds to keep tombstones, then the event_id of each decision
-- Returns how many were moved. Decisions that are not due, or were moved before, are left alone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local joined = 0
for i = 1, #ARGV - 1 do
  local event, outcomes, event_id = KEYS[2 * i + 3], KEYS[2 * i + 4], ARGV[i + 1]
  local due = redis.call('ZSCORE', KEYS[2], event_id)
  if due and tonumber(due) <= now then
    local record = redis.call('GET', event)
    if record then
      local entry = {'d', record}
      local recorded = redis.call('HGETALL', outcomes)
      for j = 1, #recorded, 2 do
        if string.sub(recorded[j + 1], 1, 1) ~= 'L' then
          entry[#entry + 1] = 'o' .. recorded[j]
          entry[#entry + 1] = recorded[j + 1]
        end
      end
      local position = redis.call('XADD', KEYS[4], '*', unpack(entry))
      redis.call('SET', event, '@' .. position, 'EX', ARGV[1])
      redis.call('EXPIRE', outcomes, ARGV[1])
      joined = joined + 1
    end
    redis.call('ZREM', KEYS[2], event_id)
  end
end
if joined > 0 then
  redis.call('HINCRBY', KEYS[3], 'interactions', joined)
end
return joined
