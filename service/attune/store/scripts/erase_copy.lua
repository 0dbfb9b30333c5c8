-- Copies a stream entry by entry, and puts the copy in its place: what was removed from a stream stays in its memory, and
-- in the store's files, as long as a neighbour does.
-- KEYS: spec, the stream, its copy, erasing
-- ARGV: bytes after which to stop, so that nobody else is kept waiting; field of `erasing` that says that this is to be done
-- Returns 1, or 0 when there is more to do.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('NOPLACEMENT')
end
-- Another process may have done it: then the copy is of the other stream by now.
if redis.call('HEXISTS', KEYS[4], ARGV[2]) == 0 then
  return 1
end
if redis.call('XLEN', KEYS[2]) == 0 then
  redis.call('UNLINK', KEYS[3])
  redis.call('HDEL', KEYS[4], ARGV[2])
  return 1
end
local copied = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
local from, size = copied and '(' .. copied[1] or '-', 0
while size < tonumber(ARGV[1]) do
  local entries = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', 10)
  if #entries == 0 then
    break
  end
  for _, entry in ipairs(entries) do
    redis.call('XADD', KEYS[3], entry[1], unpack(entry[2]))
    size = size + 200  -- what an entry costs, however small it is
    for _, word in ipairs(entry[2]) do
      size = size + #word
    end
    from = '(' .. entry[1]
  end
end
if #redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', 1) > 0 then
  return 0
end
if redis.call('XLEN', KEYS[2]) ~= redis.call('XLEN', KEYS[3]) then
  redis.call('UNLINK', KEYS[3])  -- something was removed meanwhile
  return 0
end
local about = redis.call('XINFO', 'STREAM', KEYS[2])
for i = 1, #about, 2 do
  if about[i] == 'last-generated-id' then
    redis.call('XSETID', KEYS[3], about[i + 1])  -- so that positions are never given out twice
  end
end
redis.call('UNLINK', KEYS[2])  -- first, because a stream that is renamed over is freed while everybody waits
redis.call('RENAME', KEYS[3], KEYS[2])
redis.call('HDEL', KEYS[4], ARGV[2])
return 1
