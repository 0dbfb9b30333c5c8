-- Removes entries of the training log, and what else there is of their decisions.
-- KEYS: spec, interactions, counts, exported, erasing, erased, then the event key and the outcomes key of each entry
-- ARGV: batch; then of each entry its position, its event_id, whose receipt counts it, 1 if policies may have learned from
--       it, 1 if it is of those that were set aside, and 1 if it was decided here, else 0
-- Returns how many were removed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local function parts(position)
  local ms, n = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
local function is_less(one, other)
  local ms, n = parts(one)
  local other_ms, other_n = parts(other)
  return ms < other_ms or (ms == other_ms and n < other_n)
end
local function count(name, n)
  if n > 0 then  -- 0 would become -0, which is no integer to the server
    redis.call('HINCRBY', KEYS[3], name, -n)
  end
end
local removed, last = 0, redis.call('HGET', KEYS[4], 'erased') or '0-0'
for i = 1, (#KEYS - 6) / 2 do
  local event, outcomes = KEYS[2 * i + 5], KEYS[2 * i + 6]
  local position, event_id, receipt, is_learned, is_aside, is_own = unpack(ARGV, 6 * i - 4, 6 * i + 1)
  local entry = redis.call('XRANGE', KEYS[2], position, position)[1]
  redis.call('SADD', KEYS[6], event_id)
  redis.call('DEL', event, outcomes)
  if entry then
    local is_revision, heard = false, 0
    for j = 1, #entry[2], 2 do
      local name, value = entry[2][j], entry[2][j + 1]
      is_revision = is_revision or name == 'r'
      heard = heard + ((string.sub(name, 1, 1) == 'o' and string.sub(value, 1, 1) ~= 'L') and 1 or 0)
    end
    redis.call('XDEL', KEYS[2], position)
    if is_revision then
      count('revisions', 1)
    else
      count('interactions', 1)
      count('decisions', tonumber(is_own))
      count('outcomes', heard * is_own)
      redis.call('HINCRBY', KEYS[5], receipt .. ':interactions', 1)
      redis.call('HINCRBY', KEYS[5], ARGV[1] .. ':aside', is_aside)
    end
    redis.call('HSET', KEYS[5], ARGV[1] .. ':removed', 1, ARGV[1] .. ':log', 1)
    if is_learned == '1' then
      redis.call('HSET', KEYS[5], ARGV[1] .. ':learned', 1)
    end
    if is_less(last, position) then
      last = position
      redis.call('HSET', KEYS[4], 'erased', last)
    end
    removed = removed + 1
  end
end
return removed
