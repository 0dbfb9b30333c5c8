-- Records outcomes, each at most once, and revises what has been logged already where that is wanted.
-- KEYS: spec, due, counts, late, interactions, then the event key and the outcomes key of each outcome
-- ARGV: seconds to keep what is late; most outcomes of one decision; 1 to revise, else 0; bytes of revised decisions
--       after which no more outcomes are recorded; then event_id, outcome_id and record of each outcome
-- Returns for the first of them, at least one: A(ccepted), D(uplicate), L(ate), U(nknown event) or F(ull: too many of
-- this decision).
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local received = string.format('%.0f:', now)
local statuses, accepted, late = {}, 0, 0
local revised, revisions, size = {}, {}, 0

-- Several late outcomes of one decision in one call are one revision.
local function note_revision(event, outcomes, position)
  if position == '' or revised[event] then
    return
  end
  local entry = redis.call('XRANGE', KEYS[5], position, position)[1]
  if entry then  -- it may have been trimmed
    revised[event] = true
    revisions[#revisions + 1] = {position, entry[2], outcomes}
    for j = 2, #entry[2], 2 do
      size = size + #entry[2][j]
    end
  end
end

local function append_revision(position, logged, outcomes)
  local entry, known = {'r', position}, {}
  for j = 1, #logged, 2 do
    entry[#entry + 1] = logged[j]
    entry[#entry + 1] = logged[j] == 'd' and logged[j + 1] or string.gsub(logged[j + 1], '^L', '')
    known[logged[j]] = true
  end
  local recorded = redis.call('HGETALL', outcomes)
  for j = 1, #recorded, 2 do
    if string.sub(recorded[j + 1], 1, 1) == 'L' and not known['o' .. recorded[j]] then
      entry[#entry + 1] = 'o' .. recorded[j]
      entry[#entry + 1] = string.sub(recorded[j + 1], 2)
    end
  end
  redis.call('XADD', KEYS[5], '*', unpack(entry))
end

for i = 1, (#KEYS - 5) / 2 do
  local event, outcomes = KEYS[2 * i + 4], KEYS[2 * i + 5]
  local event_id, outcome_id, record = ARGV[3 * i + 2], ARGV[3 * i + 3], ARGV[3 * i + 4]
  if redis.call('EXISTS', event) == 0 then
    statuses[i] = 'U'
  elseif redis.call('HEXISTS', outcomes, outcome_id) == 1 then
    statuses[i] = 'D'
  elseif redis.call('HLEN', outcomes) >= tonumber(ARGV[2]) then
    statuses[i] = 'F'
  else
    local due = redis.call('ZSCORE', KEYS[2], event_id)
    local is_logged = redis.call('GETRANGE', event, 0, 0) == '@'
    local is_deferred = not due and not is_logged
    if is_deferred or (due and now < tonumber(due)) then
      redis.call('HSET', outcomes, outcome_id, received .. record)
      if is_deferred then
        -- It counts once the decision is activated, and is forgotten with it until then.
        redis.call('EXPIRE', outcomes, math.max(1, redis.call('TTL', event)))
      end
      accepted = accepted + 1
      statuses[i] = 'A'
    else
      local position = is_logged and string.sub(redis.call('GET', event), 2) or ''
      local came = redis.call('XADD', KEYS[4], '*', 'e', event_id, 'i', outcome_id, 'o', record, 'p', position)
      redis.call('HSET', outcomes, outcome_id, 'L' .. came .. ':' .. record)
      if not due then
        redis.call('EXPIRE', outcomes, ARGV[1])
      end
      if ARGV[3] == '1' then
        note_revision(event, outcomes, position)
      end
      late = late + 1
      statuses[i] = 'L'
    end
  end
  if size >= tonumber(ARGV[4]) then
    break
  end
end
for i = 1, #revisions do
  append_revision(unpack(revisions[i]))
end
if accepted > 0 then
  redis.call('HINCRBY', KEYS[3], 'outcomes', accepted)
end
if late > 0 then
  redis.call('HINCRBY', KEYS[3], 'late', late)
end
if #revisions > 0 then
  redis.call('HINCRBY', KEYS[3], 'revisions', #revisions)
end
return statuses
