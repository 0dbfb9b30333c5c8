-- Reads for how long the first entry behind a position has been in the training log.
-- KEYS: interactions
-- ARGV: position, or - for the beginning
-- Returns milliseconds, or false when there is no such entry.
local from = ARGV[1] == '-' and '-' or '(' .. ARGV[1]
local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
if not entry then
  return false
end
local time = redis.call('TIME')
return math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(string.match(entry[1], '^%d+')))
