-- Replaces the segments, if they still are what the caller read.
-- KEYS: segments
-- ARGV: the revision read, 0 when there was none; the new storage.v1.SegmentsRecord
-- Returns the new revision, or 0 when somebody was faster.
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision') or 0)
if revision ~= tonumber(ARGV[1]) then
  return 0
end
-- Revisions follow the clock, so that one that a failover has lost is not given to something else.
local time = redis.call('TIME')
revision = math.max(revision + 1, time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', revision), 'record', ARGV[2])
return revision
