-- Writes decisions that are not there yet.
-- KEYS: spec, due, counts, offersets, then the event key of each decision
-- ARGV: reward window in ms, or 0 for deferred decisions, whose window has not opened; time in ms until which this may
--       be done; seconds to keep deferred decisions; then of each decision event_id, record, and the digest of the set of
--       offers that it names, empty where it names none
-- Returns for each decision: false when it was written, else what was there: a record, or "@<stream id>"; or "!" when
-- it was not written because the set is not there: nobody could read it.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Whoever sent this has stopped waiting, and has told somebody that nothing was written.
if now > tonumber(ARGV[2]) then
  return redis.error_reply('EXPIRED')
end
local is_deferred = ARGV[1] == '0'
local due = string.format('%.0f', now + ARGV[1])
local found, due_args, is_set_there = {}, {}, {[''] = true}
for i = 5, #KEYS do
  local event_id, record, set = ARGV[3 * i - 11], ARGV[3 * i - 10], ARGV[3 * i - 9]
  if is_set_there[set] == nil then
    is_set_there[set] = redis.call('HEXISTS', KEYS[4], set) == 1
  end
  if not is_set_there[set] then
    found[#found + 1] = redis.call('GET', KEYS[i]) or '!'
  elseif is_deferred and redis.call('SET', KEYS[i], record, 'NX', 'EX', ARGV[3]) then
    found[#found + 1] = false
  elseif not is_deferred and redis.call('SET', KEYS[i], record, 'NX') then
    due_args[#due_args + 1] = due
    due_args[#due_args + 1] = event_id
    found[#found + 1] = false
  else
    found[#found + 1] = redis.call('GET', KEYS[i])
  end
end
if #due_args > 0 then
  redis.call('ZADD', KEYS[2], unpack(due_args))
  redis.call('HINCRBY', KEYS[3], 'decisions', #due_args / 2)
end
return found
