/** What Redis does in one step: its scripts. Each takes keys and arguments as its comment says. */

/**
 * Takes up to so many messages from lists, the most urgent level first and within it one of each queue in turn, and enters each
 * in `unacked` as kombu does. Answers a note and then the messages. The note is the JSON of the number that was given, then a name and
 * the key of the list for each. The name is the delivery tag, or one made of it where the same message lies in two queues: kombu
 * would forget one of the two. It is empty where the message is none of kombu's: that one is out of Redis then. The note of what was
 * taken last stands in a receipt, in case the answer is lost. A Redis that is out of memory stops the script at the first thing that
 * would need some, so that all are entered before they are taken.
 *
 * Keys: unacked, unacked_index, receipt, the lists level by level.
 * Arguments: how many, the time in seconds, how many queues there are, milliseconds that the receipt is kept, the most of bytes, and
 * a number that the note begins with.
 */
const take = `
local unacked, index, receipt = KEYS[1], KEYS[2], KEYS[3]
local most, now, queues, largest = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local ways, count, bytes = {}, 0, 0
local function wayOf(info)
  if type(info) ~= 'table' or type(info['exchange']) ~= 'string' or type(info['routing_key']) ~= 'string' then return nil end
  return ', ' .. cjson.encode(info['exchange']) .. ', ' .. cjson.encode(info['routing_key']) .. ']'
end
-- Reading all of a message takes as long as everything else together: mostly a look at two places will do. They are looked for by
-- the rarest letter of their names.
local function look(raw)
  if string.byte(raw, 1) ~= 123 or string.byte(raw, -1) ~= 125 then return nil end
  local at, tag, text = string.find(raw, 'very_', 1, true), nil, nil
  while at do
    local name = string.match(raw, '^%a+"', at + 5)
    if name == 'tag"' then
      if tag then return nil end
      tag = string.match(raw, '^"delivery_tag": ?"([%w_-]+)"', at - 5)
      if not tag then return nil end
    elseif name == 'info"' then
      if text then return nil end
      text = string.match(raw, '^"delivery_info": ?(%b{})', at - 5)
      if not text then return nil end
    end
    at = string.find(raw, 'very_', at + 5, true)
  end
  if not tag or not text then return nil end
  if ways[text] == nil then
    local fine, info = pcall(cjson.decode, text)
    ways[text] = fine and wayOf(info) or false
  end
  return tag, ways[text] or nil
end
local function read(raw)
  local fine, message = pcall(cjson.decode, raw)
  local properties = fine and type(message) == 'table' and message['properties']
  if type(properties) ~= 'table' or type(properties['delivery_tag']) ~= 'string' then return nil end
  return properties['delivery_tag'], wayOf(properties['delivery_info'])
end
-- Lists are read in blocks, each as long as all before it, so that no more is read in vain than is taken.
local hands = {}
local function oldest(list)
  local hand = hands[list] or { raws = {}, left = 0, taken = 0 }
  hands[list] = hand
  if hand.left == 0 and not hand.isEmpty then
    local block = math.min(math.max(hand.taken, 1), most - count)
    -- What is no list stops nothing.
    local raws = redis.pcall('LRANGE', KEYS[list], -hand.taken - block, -hand.taken - 1)
    hand.isEmpty = raws.err or #raws < block
    if not raws.err then hand.raws, hand.left = raws, #raws end
  end
  if hand.left == 0 then return nil end
  local raw = hand.raws[hand.left]
  hand.left, hand.taken = hand.left - 1, hand.taken + 1
  return raw
end
local raws, from, first = {}, {}, 4
while first <= #KEYS and count < most and bytes < largest do
  local found = false
  for list = first, first + queues - 1 do
    local raw = count < most and bytes < largest and oldest(list)
    if raw then
      found, count, bytes = true, count + 1, bytes + #raw
      raws[count], from[count] = raw, list
    end
  end
  if not found then first = first + queues end
end
if count == 0 then return {} end
local tags, ends = {}, {}
for each = 1, count do
  local tag, way = look(raws[each])
  if not way then tag, way = read(raws[each]) end
  tags[each], ends[each] = way and tag or '', way
end
local there = redis.call('HMGET', unacked, unpack(tags))
local note, fields, scores, used = { tonumber(ARGV[6]) }, {}, {}, {}
for each = 1, count do
  local name, twins = tags[each], 0
  if name ~= '' then
    local isUsed = there[each]
    while isUsed or used[name] do
      twins = twins + 1
      name = tags[each] .. ':' .. twins
      isUsed = redis.call('HEXISTS', unacked, name) == 1
    end
    used[name] = true
    fields[#fields + 1] = name
    fields[#fields + 1] = '[' .. raws[each] .. ends[each]
    scores[#scores + 1] = now
    scores[#scores + 1] = name
  end
  note[#note + 1] = name
  note[#note + 1] = KEYS[from[each]]
end
if #fields > 0 then
  redis.call('HSET', unacked, unpack(fields))
  redis.call('ZADD', index, unpack(scores))
end
for list, hand in pairs(hands) do
  if hand.taken > 0 then redis.call('LTRIM', KEYS[list], 0, -hand.taken - 1) end
end
local text = cjson.encode(note)
redis.call('SET', receipt, text, 'PX', ARGV[4])
table.insert(raws, 1, text)
return raws
`

/**
 * Forgets unsettled messages. Answers how many were there; if not all, then 1 for each that was.
 * Keys: unacked, unacked_index. Arguments: their names.
 */
const ack = `
local there = 0
for first = 1, #ARGV, 1000 do
  there = there + redis.call('HDEL', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
if there == #ARGV then
  for first = 1, #ARGV, 1000 do redis.call('ZREM', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV))) end
  return there
end
local answer = {}
-- Whoever takes one from the one key takes it from the other.
for each, name in ipairs(ARGV) do answer[each] = redis.call('ZREM', KEYS[2], name) end
return answer
`

/**
 * Moves unsettled messages back to their lists, where each is before it leaves; answers 1 for each that was there, and old enough.
 * Keys: unacked, unacked_index. Arguments: the latest time in seconds at which they were seen alive (+inf: whenever), then for each
 * its name, `L` or `R` for the end of the list, the message, how many lists, the lists.
 */
const move = `
local answer, at = {}, 2
local latest = tonumber(ARGV[1])
while at <= #ARGV do
  local name, side, raw, lists = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local score = redis.call('ZSCORE', KEYS[2], name)
  local moved = 0
  if not score or tonumber(score) <= latest then
    moved = redis.call('HEXISTS', KEYS[1], name)
    if moved == 1 then
      for list = at + 4, at + 3 + lists do redis.call(side == 'L' and 'LPUSH' or 'RPUSH', ARGV[list], raw) end
      redis.call('HDEL', KEYS[1], name)
    end
    redis.call('ZREM', KEYS[2], name)
  end
  answer[#answer + 1] = moved
  at = at + 4 + lists
end
return answer
`

/**
 * After a break, makes sure that Redis knows of unsettled messages: what it forgot in a crash it is told again, and if it has gone
 * back to before they were taken, they are taken out of their lists. Answers how many had to be.
 * Keys: unacked, unacked_index. Arguments: the time in seconds, then for each its name, its entry, its list, the message.
 */
const remind = `
local told = 0
for at = 2, #ARGV, 4 do
  if redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1]) == 1 then
    told = told + 1
    if redis.call('LPOS', ARGV[at + 2], ARGV[at + 3], 'RANK', -1, 'MAXLEN', 10000) then
      redis.call('LREM', ARGV[at + 2], -1, ARGV[at + 3])
    end
  end
  redis.call('ZADD', KEYS[2], ARGV[1], ARGV[at])
end
return told
`

/**
 * Puts messages into their lists unless they are there or taken already: for those that were sent when the connection broke.
 * Keys: unacked. Arguments for each: its delivery tag, its list, the message.
 */
const putOnce = `
local put = 0
for at = 1, #ARGV, 3 do
  local tag, list, raw = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('HEXISTS', KEYS[1], tag) == 0 and not redis.call('LPOS', list, raw, 'MAXLEN', 10000) then
    redis.call('LPUSH', list, raw)
    put = put + 1
  end
end
return put
`

/** Lets go of a lock if it is held by this token. Keys: the lock. Arguments: the token. */
const release = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

/** Takes up to so many messages from lists. Keys: the lists. Arguments: how many. */
const drain = `
local answer = {}
for _, list in ipairs(KEYS) do
  while #answer < tonumber(ARGV[1]) do
    local raw = redis.call('RPOP', list)
    if not raw then break end
    answer[#answer + 1] = raw
  end
end
return answer
`

/**
 * Stores states of tasks and tells those who wait, but never over a success. Answers 0; if a key holds no record, then for each an
 * empty text or what is wrong with it.
 * Keys: those of the records. Arguments: milliseconds that they are kept (0: for ever), then the records.
 */
const store = `
local answer, isWrong = {}, false
-- What a record is written in shows in how it begins: JSON with a brace, MessagePack above ASCII; what else begins a line of YAML.
local function isDone(old)
  if not string.find(old, 'SUCCESS', 1, true) then return false end
  local first = string.byte(old, 1)
  if first ~= 123 and first < 128 then return string.find('\\n' .. old .. '\\n', '\\n"?status"?: "?SUCCESS"?\\r?\\n') ~= nil end
  local fine, record = pcall(first == 123 and cjson.decode or cmsgpack.unpack, old)
  if fine then return type(record) == 'table' and record['status'] == 'SUCCESS' end
  return string.find(old, '^{"status": ?"SUCCESS"') ~= nil
end
local function set(key, record, ...)
  if ARGV[1] == '0' then return redis.call('SET', key, record, ...) end
  return redis.call('SET', key, record, 'PX', ARGV[1], ...)
end
for each, key in ipairs(KEYS) do
  local record = ARGV[each + 1]
  answer[each] = ''
  -- Mostly there is none.
  local isStored = set(key, record, 'NX')
  if not isStored then
    -- One key that is none shall not keep the others from being stored.
    local old = redis.pcall('GET', key)
    if type(old) == 'table' then
      answer[each], isWrong = old['err'], true
    elseif not isDone(old) then
      isStored = set(key, record)
    end
  end
  if isStored then redis.call('PUBLISH', key, record) end
end
return isWrong and answer or 0
`

/**
 * Counts the part of one member of a chord; answers all parts when it was the last one, else nothing.
 * Keys: the parts, their number, the extra number. Arguments: milliseconds that they are kept (0: for ever), the score (empty: they
 * are a list), the part, 1 if it may have been counted before.
 */
const part = `
local count
if ARGV[2] == '' then
  if ARGV[4] ~= '1' or not redis.call('LPOS', KEYS[1], ARGV[3]) then redis.call('RPUSH', KEYS[1], ARGV[3]) end
  count = redis.call('LLEN', KEYS[1])
else
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
  count = redis.call('ZCARD', KEYS[1])
end
if ARGV[1] ~= '0' then
  for each = 1, 3 do redis.call('PEXPIRE', KEYS[each], ARGV[1]) end
end
local size, extra = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
if not size or count ~= tonumber(size) + tonumber(extra or 0) then return false end
return ARGV[2] == '' and redis.call('LRANGE', KEYS[1], 0, -1) or redis.call('ZRANGE', KEYS[1], 0, -1)
`

export const redisScripts = { take, ack, move, remind, putOnce, release, drain, store, part } as const

export type RedisScript = keyof typeof redisScripts
