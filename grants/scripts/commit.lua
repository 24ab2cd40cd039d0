-- Stores a case only if it is still what the caller read. Decides nothing else: Python did.
-- KEYS: case, grant, holder index, request index, trail, uses
-- ARGV: case as read ('' for none), case to store, its end (ms), id, 'set', 'keep' or 'del', the grant's end (ms), trail entry or '',
--       how often the grant that this step makes can be used or '', the digest of its request
-- Returns {'STORED'}, {'SAME'} (a repeated attempt), {'CHANGED'} or {'WRONGTYPE', key, type}.
local kinds = {'string', 'string', 'zset', 'zset', 'stream', 'hash'}
for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= kinds[i] then return {'WRONGTYPE', key, kind} end
end

local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[2] then return {'SAME'} end
if current ~= ARGV[1] then return {'CHANGED'} end

-- An index lives as long as its last member, whose score somebody else may have written: it must not fail us half-way.
-- (PEXPIREAT … GT would need Redis 7.)
local function index(key, score, member)
  local now = redis.call('TIME')[1] * 1000
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZADD', key, score, member)
  local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
  local latest = now + 100 * 24 * 60 * 60 * 1000
  if not (last and last < latest) then last = latest end
  redis.call('PEXPIREAT', key, string.format('%.0f', last))
end

-- What takes away comes first. After a DEL, Redis lets a script go on that a full memory would have stopped.
if ARGV[5] == 'del' and ARGV[1] ~= '' then redis.call('DEL', KEYS[2], KEYS[6]) end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
index(KEYS[4], ARGV[3], ARGV[4])
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[6], 'left', ARGV[8], 'digest', ARGV[9])
  redis.call('PEXPIREAT', KEYS[6], ARGV[6])
end
if ARGV[5] == 'set' then
  redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[6])
  index(KEYS[3], ARGV[6], ARGV[4])
end
-- A grant that somebody took away is not put back by a step that did not make it.
if ARGV[5] == 'keep' then redis.call('SET', KEYS[2], ARGV[2], 'PXAT', ARGV[6], 'XX') end
if ARGV[7] ~= '' then redis.call('XADD', KEYS[5], '*', 'record', ARGV[7]) end
return {'STORED'}
