-- Gives out a version number that was never given out before.
-- KEYS: spec, head
-- ARGV: epoch, and the history that the server continued when it began
-- Returns the number, or 0 when another learner has taken over, another server has, or the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return 0
end
-- What was learned from the log of a former master may not be in this one's, or may stand there again. What is written
-- under the number comes after everything the weights were learned from, so that it is enough to look here.
local info = redis.pcall('INFO', 'replication')
local history = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
if history ~= ARGV[2] then
  return 0
end
return redis.call('HINCRBY', KEYS[2], 'reserved', 1)
