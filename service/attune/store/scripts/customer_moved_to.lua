-- Reads where a customer is who was moved.
-- KEYS: where that is noted
-- ARGV: none
-- Returns the keyed hash, or nil where the customer was not moved.
return redis.call('GET', KEYS[1])
