-- The grants of one principal, with the server's time, in one round trip.
-- KEYS: holder index. ARGV: key prefix of grants, key prefix of cases.
-- Returns {seconds, microseconds, id, grant, case, id, grant, case, …}; what is missing or of another type is nil.
local function text(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then return false end
  return value
end

local time = redis.call('TIME')
local found = {time[1], time[2]}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  found[#found + 1] = id
  found[#found + 1] = text(ARGV[1] .. id)
  found[#found + 1] = text(ARGV[2] .. id)
end
return found
