-- Notes that offers of the catalogue, or sets of them, are in use, and writes those that are given with a value.
-- KEYS: spec, offers or offersets, offersets:used
-- ARGV: ms from now until when they are in use; then digest and value of each, the value empty where it should be there
-- Returns the numbers of those that should be there and are not, counted from 1: they were not noted.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local time = redis.call('TIME')
local until_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1])
local missing, noted = {}, {}
for i = 2, #ARGV, 2 do
  local is_there = true
  if ARGV[i + 1] ~= '' then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  elseif redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then
    is_there = false
    missing[#missing + 1] = i / 2
  end
  if is_there then
    noted[#noted + 1] = until_ms
    noted[#noted + 1] = ARGV[i]
  end
end
if #noted > 0 then
  redis.call('ZADD', KEYS[3], 'GT', unpack(noted))
end
return missing
