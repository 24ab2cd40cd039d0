-- Takes one use of each of several grants, or of none of them.
-- KEYS: grant, uses, grant, uses, …  ARGV: for each, the digest of the request that its uses were counted out for.
-- Returns 0, or the number (from 1) of the first grant that is gone or has no use left: no count means none.
for i = 1, #ARGV do
  local grant, uses = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('EXISTS', grant) == 0 or redis.call('TYPE', uses).ok ~= 'hash' then return i end
  local found = redis.call('HMGET', uses, 'digest', 'left')
  local left = tonumber(found[2] or '')
  if found[1] ~= ARGV[i] or not left or left < 1 then return i end
end
for i = 1, #ARGV do redis.call('HINCRBY', KEYS[2 * i], 'left', -1) end
return 0
