-- Reads offers of the catalogue, and the time beside them.
-- KEYS: offers
-- ARGV: ids, at least one
-- Returns the store's time (ms), and a storage.v1.CatalogRecord for each id, or nil where there is none.
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HMGET', KEYS[1], unpack(ARGV))}
