-- Writes decisions that are not there yet.
-- KEYS: spec, due, counts, then the event key of each decision
-- ARGV: reward window in ms, or 0 for deferred decisions, whose window has not opened; time in ms until which this may
--       be done; seconds to keep deferred decisions; then event_id and record of each decision
-- Returns for each decision: false when it was written, else what was there: a record, or "@<stream id>".
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
local found, due_args = {}, {}
for i = 4, #KEYS do
  local event_id, record = ARGV[2 * i - 4], ARGV[2 * i - 3]
  if is_deferred and redis.call('SET', KEYS[i], record, 'NX', 'EX', ARGV[3]) then
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
