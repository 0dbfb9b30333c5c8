-- Deletes all that is stored of a customer.
-- KEYS: of the customer
-- ARGV: none
-- Returns how many there were.
local deleted = 0
for i = 1, #KEYS do
  deleted = deleted + redis.call('DEL', KEYS[i])
end
return deleted
