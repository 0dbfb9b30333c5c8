-- Puts offers into the catalogue, all of them or none.
-- KEYS: offers, changes, deleted, head, revisions
-- ARGV: most offers there may be; most bytes of all of them; most revisions to remember; then id and
--       storage.v1.CatalogRecord of each offer: with its first field only, the rest is written here
-- Returns the revision, how many are new, and how many have changed; or -1, how many would be new, how many there are,
-- and how many bytes there would be, when that is too much.
local created, changed, size_before = 0, {}, 0
for i = 4, #ARGV, 2 do
  local former = redis.call('HGET', KEYS[1], ARGV[i])
  if not former then
    created = created + 1
  end
  -- The length of the first field is part of it, so a beginning that is the same means that the field is.
  if not former or string.sub(former, 1, #ARGV[i + 1]) ~= ARGV[i + 1] then
    changed[#changed + 1] = i
    size_before = size_before + #(former or '')
  end
end
local head = redis.call('HMGET', KEYS[4], 'revision', 'bytes')
local revision = tonumber(head[1] or 0)
if #changed == 0 then
  return {revision, 0, 0}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Revisions follow the clock, so that one that a failover has lost is not given to something else.
revision = math.max(revision + 1, now)

local function varint(number)
  local bytes = ''
  while number >= 128 do
    bytes = bytes .. string.char(number % 128 + 128)
    number = math.floor(number / 128)
  end
  return bytes .. string.char(number)
end

-- Fields 2 and 3 of a storage.v1.CatalogRecord.
local rest = '\16' .. varint(revision) .. '\24' .. varint(now)
local grows = #changed * #rest - size_before
for _, i in ipairs(changed) do
  grows = grows + #ARGV[i + 1]
end
local count, size = redis.call('HLEN', KEYS[1]), tonumber(head[2] or 0) + grows
-- What is too large already may be changed, and made smaller.
if (created > 0 and count + created > tonumber(ARGV[1])) or (grows > 0 and size > tonumber(ARGV[2])) then
  return {-1, created, count, size}
end

local score = string.format('%.0f', revision)
for _, i in ipairs(changed) do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. rest)
  redis.call('ZADD', KEYS[2], score, ARGV[i])
  redis.call('ZREM', KEYS[3], ARGV[i])
end
redis.call('HSET', KEYS[4], 'revision', score, 'bytes', string.format('%.0f', size))
redis.call('ZADD', KEYS[5], score, score)
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -1 - ARGV[3])
return {revision, created, #changed - created}
