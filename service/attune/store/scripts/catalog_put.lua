-- Puts offers into the catalogue, all of them or none.
-- KEYS: offers, changes, deleted, head
-- ARGV: most offers there may be, then id and storage.v1.CatalogRecord of each offer: with its first field only, the
--       rest is written here
-- Returns the revision, how many are new, and how many have changed; or -1, how many would be new, and how many there
-- are, when that is too many.
local created, changed = 0, {}
for i = 2, #ARGV, 2 do
  local former = redis.call('HGET', KEYS[1], ARGV[i])
  if not former then
    created = created + 1
  end
  -- The length of the first field is part of it, so a beginning that is the same means that the field is.
  if not former or string.sub(former, 1, #ARGV[i + 1]) ~= ARGV[i + 1] then
    changed[#changed + 1] = i
  end
end
local revision = tonumber(redis.call('HGET', KEYS[4], 'revision') or 0)
if #changed == 0 then
  return {revision, 0, 0}
end
local count = redis.call('HLEN', KEYS[1])
if created > 0 and count + created > tonumber(ARGV[1]) then
  return {-1, created, count}
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
local score = string.format('%.0f', revision)
for _, i in ipairs(changed) do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. rest)
  redis.call('ZADD', KEYS[2], score, ARGV[i])
  redis.call('ZREM', KEYS[3], ARGV[i])
end
redis.call('HSET', KEYS[4], 'revision', score)
return {revision, created, #changed - created}
