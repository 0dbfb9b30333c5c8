-- Takes the lease of a placement if nobody holds it, and starts a new epoch.
-- KEYS: spec, lease, head
-- ARGV: owner, lease time in ms
-- Returns the epoch as a string and the history that the server continues, or false when somebody holds the lease or
-- the placement is gone.
if redis.call('EXISTS', KEYS[1]) == 0 or not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return false
end
-- Epochs follow the clock, so that they also grow when a placement is deleted and made again: a learner of the former
-- one can never hold an epoch of the new one.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('HGET', KEYS[3], 'epoch') or '0')
local epoch = string.format('%.0f', math.max(now, last + 1))
redis.call('HSET', KEYS[3], 'epoch', epoch)
-- A replica that takes over from a master begins another one. Where INFO is not allowed, all are the same.
local info = redis.pcall('INFO', 'replication')
return {epoch, type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''}
