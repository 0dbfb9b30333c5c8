-- Gives a lease back at once, so that nobody has to wait until it runs out.
-- KEYS: lease, head
-- ARGV: epoch
if redis.call('HGET', KEYS[2], 'epoch') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
