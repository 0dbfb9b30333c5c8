-- Deletes keys of a placement, as long as its deletion is still the caller's.
-- KEYS: deleting, then the keys to delete; with no keys to delete the deletion ends
-- ARGV: token of the caller
-- Returns 1, or 0 when somebody else has taken over the deletion, or finished it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if #KEYS == 1 then
  redis.call('DEL', KEYS[1])
end
for i = 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
return 1
