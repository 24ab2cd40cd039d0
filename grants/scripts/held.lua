-- The grants of some principals, with the server's time, in one round trip.
-- KEYS: their holder indexes. ARGV: key prefix of grants, key prefix of cases.
-- Reads the MOST ids that end last, and no text over LONGEST bytes: whoever writes more takes grants away, no more.
-- Returns {seconds, microseconds, {id, grant, case, id, grant, case, …}, …}; what is missing or of another type is nil.
local MOST, LONGEST = 1000, 1000000
local function text(key)
  local length = redis.pcall('STRLEN', key)
  if type(length) == 'table' or length > LONGEST then return false end
  local value = redis.call('GET', key)
  return value
end

local time = redis.call('TIME')
local found = {time[1], time[2]}
for _, holder in ipairs(KEYS) do
  local held = {}
  for _, id in ipairs(redis.call('ZRANGE', holder, -MOST, -1)) do
    held[#held + 1] = id
    held[#held + 1] = text(ARGV[1] .. id)
    held[#held + 1] = text(ARGV[2] .. id)
  end
  found[#found + 1] = held
end
return found
