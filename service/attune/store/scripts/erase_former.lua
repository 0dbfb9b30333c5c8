-- Removes versions, challengers and weights of before a training, those of the control group's baseline too.
-- KEYS: spec, head, versions, challengers, then the snapshots
-- ARGV: for each snapshot its number; then name and record of challengers as the caller has read them
-- Returns 1. The newest version is left alone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
local newest, promoted, baseline = unpack(redis.call('HMGET', KEYS[2], 'version', 'promoted', 'baseline'))
local n_snapshots = #KEYS - 4
for i = 1, n_snapshots do
  if ARGV[i] ~= newest then
    redis.call('HDEL', KEYS[3], ARGV[i])
    redis.call('UNLINK', KEYS[i + 4])
    if ARGV[i] == promoted then
      redis.call('HDEL', KEYS[2], 'promoted')
    end
    if ARGV[i] == baseline then
      -- Servers stop deciding with it, and begin with nothing until the one that is trained now is committed.
      redis.call('HDEL', KEYS[2], 'baseline')
    end
  end
end
for i = n_snapshots + 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[4], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[4], ARGV[i])
  end
end
return 1
