-- Moves decisions whose reward window has closed into the training log, together with their outcomes.
-- KEYS: spec, due, counts, interactions, then the event key and the outcomes key of each decision
-- ARGV: seconds to keep tombstones; 1 where late outcomes count at once, else 0; bytes of decisions after which to stop,
--   so that nobody else is kept waiting; then the event_id of each decision
-- Returns how many it looked at, and how many of them were moved. Decisions that are not due, or were moved before, are
--   left alone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {#ARGV - 3, 0}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen, joined, moved_bytes = 0, 0, 0
for i = 1, #ARGV - 3 do
  local event, outcomes, event_id = KEYS[2 * i + 3], KEYS[2 * i + 4], ARGV[i + 3]
  local due = redis.call('ZSCORE', KEYS[2], event_id)
  if due and tonumber(due) <= now then
    local record = redis.call('GET', event)
    if record then
      local entry = {'d', record}
      local recorded = redis.call('HGETALL', outcomes)
      for j = 1, #recorded, 2 do
        -- What came late, but before the decision was logged, is logged with its L: a rebuild finds it there. Where late
        -- outcomes count at once, nothing has to be revised yet: it is logged as one that counts.
        local is_counted_late = ARGV[2] == '1' and string.sub(recorded[j + 1], 1, 1) == 'L'
        entry[#entry + 1] = 'o' .. recorded[j]
        entry[#entry + 1] = is_counted_late and string.sub(recorded[j + 1], 2) or recorded[j + 1]
      end
      local position = redis.call('XADD', KEYS[4], '*', unpack(entry))
      redis.call('SET', event, '@' .. position, 'EX', ARGV[1])
      redis.call('EXPIRE', outcomes, ARGV[1])
      joined = joined + 1
      moved_bytes = moved_bytes + #record
    end
    redis.call('ZREM', KEYS[2], event_id)
  end
  seen = i
  if moved_bytes >= tonumber(ARGV[3]) then
    break
  end
end
if joined > 0 then
  redis.call('HINCRBY', KEYS[3], 'interactions', joined)
end
return {seen, joined}
