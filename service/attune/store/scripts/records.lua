-- Reads decisions, wherever they stand, as many as one answer should hold.
-- KEYS: spec, interactions, then the event key of each decision
-- ARGV: bytes after which no more are read
-- Returns the records of the first of them, at least one; false for a decision that is unknown or was forgotten.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local records, size = {}, 0
for i = 3, #KEYS do
  local value = redis.call('GET', KEYS[i])
  if value and string.sub(value, 1, 1) == '@' then
    local position = string.sub(value, 2)
    local entry = redis.call('XRANGE', KEYS[2], position, position)[1]
    value = false
    if entry then
      for j = 1, #entry[2], 2 do
        if entry[2][j] == 'd' then
          value = entry[2][j + 1]
        end
      end
    end
  end
  records[#records + 1] = value
  size = size + (value and #value or 0)
  if size >= tonumber(ARGV[1]) then
    break
  end
end
return records
