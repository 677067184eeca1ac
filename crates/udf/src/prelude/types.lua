-- Lists, maps, GeoJSON and iterators.
--
-- A list is a table with its elements at 1..n and n under the key SIZE, since elements may be nil. A
-- map is a table with its pairs in it; pairs that a table cannot hold so (a value of nil, a key that
-- is bytes or a list) are entries { k = key, v = value } in a table under the key ODD. Such a table's
-- own fields are found without a metamethod; what is not there, or new, goes through one.
--
-- So nested values are shared, not copied, and all memory is the state's own.
local host, env, kinds = ...

local error, getmetatable, next, rawget, rawset, setmetatable, tostring, type =
    error, getmetatable, next, rawget, rawset, setmetatable, tostring, type
local concat, sort, is_bytes, same_bytes = table.concat, host.sort, host.is_bytes, host.same_bytes

local SIZE, ODD = {}, {}
local List, Map, Geo, Iterator = {}, {}, {}, {}
kinds[List], kinds[Map], kinds[Geo], kinds[Iterator] = "list", "map", "geojson", "iterator"

local function kind(v) return type(v) == "table" and kinds[getmetatable(v)] or nil end

local function need(v, what, name)
    if kind(v) ~= what then
        error("bad argument to " .. name .. ": " .. what .. " expected, got " .. (kind(v) or type(v)), 3)
    end
    return v
end

-- Iterators: called for the next values, nil at the end.

Iterator.__call = function(self)
    local ahead = self.ahead
    if ahead then
        self.ahead = nil
        return ahead[1], ahead[2]
    end
    return self.step()
end

local function iterator(step) return setmetatable({ step = step }, Iterator) end

env.iterator = {
    is_iterator = function(v) return kind(v) == "iterator" end,
    has_next = function(it)
        need(it, "iterator", "iterator.has_next")
        if not it.ahead then it.ahead = { it.step() } end
        return it.ahead[1] ~= nil
    end,
    next = function(it) return need(it, "iterator", "iterator.next")() end,
}

-- How values are written in messages.
local function show(v)
    if type(v) == "string" then return '"' .. v .. '"' end
    return tostring(v)
end

-- Lists.

local function new_list() return setmetatable({ [SIZE] = 0 }, List) end

local function push(l, v)
    local n = rawget(l, SIZE) + 1
    rawset(l, n, v)
    rawset(l, SIZE, n)
end

-- The elements first..last.
local function part(l, first, last)
    local out = new_list()
    for i = first, last do push(out, rawget(l, i)) end
    return out
end

List.__len = function(l) return rawget(l, SIZE) end
List.__newindex = function(l, at, v)
    local n = rawget(l, SIZE)
    if type(at) ~= "number" or at < 1 or at > n + 1 or at % 1 ~= 0 then
        error("a list of " .. n .. " elements has no place " .. tostring(at), 2)
    end
    if at == n + 1 then push(l, v) else rawset(l, at, v) end
end
List.__pairs = function(l)
    local at, n = 0, rawget(l, SIZE)
    return function()
        if at < n then
            at = at + 1
            return at, rawget(l, at)
        end
    end
end
List.__tostring = function(l)
    local shown = {}
    for i = 1, rawget(l, SIZE) do shown[i] = show(rawget(l, i)) end
    return "List(" .. concat(shown, ", ") .. ")"
end

local list = setmetatable({}, {
    __call = function(_, init)
        local out = new_list()
        if kind(init) == "list" then return part(init, 1, #init) end
        if type(init) == "table" then for i = 1, #init do push(out, init[i]) end end
        return out
    end,
})
env.list = list

function list.create() return new_list() end

function list.is_list(v) return kind(v) == "list" end

function list.size(l) return rawget(need(l, "list", "list.size"), SIZE) end

function list.append(l, v) push(need(l, "list", "list.append"), v) end

function list.insert(l, at, v)
    local n = rawget(need(l, "list", "list.insert"), SIZE)
    if type(at) ~= "number" or at < 1 or at > n + 1 then
        error("a list of " .. n .. " elements has no place " .. tostring(at), 2)
    end
    for i = n, at, -1 do rawset(l, i + 1, rawget(l, i)) end
    rawset(l, at, v)
    rawset(l, SIZE, n + 1)
end

function list.prepend(l, v) list.insert(need(l, "list", "list.prepend"), 1, v) end

function list.remove(l, at)
    local n = rawget(need(l, "list", "list.remove"), SIZE)
    if type(at) ~= "number" or at < 1 or at > n then
        error("a list of " .. n .. " elements has no place " .. tostring(at), 2)
    end
    for i = at, n do rawset(l, i, rawget(l, i + 1)) end
    rawset(l, SIZE, n - 1)
end

function list.trim(l, from)
    local n = rawget(need(l, "list", "list.trim"), SIZE)
    if from < 1 then from = 1 end
    if from > n then return end
    for i = from, n do rawset(l, i, nil) end
    rawset(l, SIZE, from - 1)
end

function list.take(l, n)
    local size = rawget(need(l, "list", "list.take"), SIZE)
    return part(l, 1, n < size and n or size)
end

function list.drop(l, n)
    return part(need(l, "list", "list.drop"), (n > 0 and n or 0) + 1, rawget(l, SIZE))
end

function list.clone(l) return part(need(l, "list", "list.clone"), 1, rawget(l, SIZE)) end

function list.concat(l, more)
    need(l, "list", "list.concat")
    for i = 1, rawget(need(more, "list", "list.concat"), SIZE) do push(l, rawget(more, i)) end
end

function list.merge(a, b)
    local out = list.clone(need(a, "list", "list.merge"))
    list.concat(out, need(b, "list", "list.merge"))
    return out
end

function list.iterator(l)
    local at = 0
    need(l, "list", "list.iterator")
    return iterator(function()
        if at < rawget(l, SIZE) then
            at = at + 1
            return rawget(l, at)
        end
    end)
end

-- Maps.

local function new_map() return setmetatable({}, Map) end

-- The odd entry of a key, and its place.
local function odd(m, key)
    local entries = rawget(m, ODD)
    if not entries then return end
    for at = 1, #entries do
        local found = entries[at].k
        if found == key or is_bytes(key) and same_bytes(found, key) then return entries[at], at end
    end
end

Map.__index = function(m, key)
    local entry = odd(m, key)
    return entry and entry.v
end
Map.__newindex = function(m, key, v)
    local entry, at = odd(m, key)
    if entry then
        if v ~= nil and kind(key) == nil and not is_bytes(key) then
            table.remove(rawget(m, ODD), at)
        elseif v ~= nil then
            entry.v = v
            return
        else
            table.remove(rawget(m, ODD), at)
            return
        end
    end
    if v == nil then return end
    if is_bytes(key) or kind(key) then
        local entries = rawget(m, ODD)
        if not entries then
            entries = {}
            rawset(m, ODD, entries)
        end
        entries[#entries + 1] = { k = key, v = v }
    else
        rawset(m, key, v)
    end
end

-- The order of keys: by type, then by value.
local ranks = { boolean = 1, number = 2, string = 3 }
local function key_before(a, b)
    local ra, rb = ranks[type(a)] or 4, ranks[type(b)] or 4
    if ra ~= rb then return ra < rb end
    if ra == 1 then return not a and b end
    if ra == 4 then return tostring(a) < tostring(b) end
    return a < b
end

-- The keys in order.
local function keys_of(m)
    local keys, n = {}, 0
    for key in next, m do
        if key ~= ODD then
            n = n + 1
            keys[n] = key
        end
    end
    for _, entry in ipairs(rawget(m, ODD) or {}) do
        n = n + 1
        keys[n] = entry.k
    end
    sort(keys, key_before)
    return keys, n
end

local function size_of(m)
    local n = 0
    for _ in next, m do n = n + 1 end
    local entries = rawget(m, ODD)
    return entries and n - 1 + #entries or n
end

-- Steps through the pairs that were there at the start, in the order of their keys.
local function pairs_of(m)
    local keys, n = keys_of(m)
    local at = 0
    return function()
        if at < n then
            at = at + 1
            return keys[at], m[keys[at]]
        end
    end
end

Map.__len = size_of
Map.__pairs = pairs_of
Map.__tostring = function(m)
    local shown = {}
    for key, v in pairs_of(m) do shown[#shown + 1] = show(key) .. " => " .. show(v) end
    return "Map(" .. concat(shown, ", ") .. ")"
end

local map = setmetatable({}, {
    __call = function(_, init)
        local out = new_map()
        if type(init) == "table" then for key, v in pairs(init) do out[key] = v end end
        return out
    end,
})
env.map = map

function map.create() return new_map() end

function map.is_map(v) return kind(v) == "map" end

function map.size(m) return size_of(need(m, "map", "map.size")) end

function map.remove(m, key)
    need(m, "map", "map.remove")
    if rawget(m, key) ~= nil then rawset(m, key, nil) else m[key] = nil end
end

function map.clone(m)
    local out = new_map()
    for key, v in pairs_of(need(m, "map", "map.clone")) do out[key] = v end
    return out
end

function map.pairs(m) return iterator(pairs_of(need(m, "map", "map.pairs"))) end

map.iterator = map.pairs

function map.keys(m)
    local step = pairs_of(need(m, "map", "map.keys"))
    return iterator(function() return (step()) end)
end

function map.values(m)
    local step = pairs_of(need(m, "map", "map.values"))
    return iterator(function()
        local key, v = step()
        -- A value of nil would end the loop.
        while key ~= nil and v == nil do key, v = step() end
        return v
    end)
end

-- Of keys that both have, `merge` makes the value out of both values; else the second map's counts.
function map.merge(a, b, merge)
    local out = map.clone(need(a, "map", "map.merge"))
    for key, v in pairs_of(need(b, "map", "map.merge")) do
        local old = out[key]
        if old ~= nil and merge then out[key] = merge(old, v) else out[key] = v end
    end
    return out
end

-- The pairs whose keys only one of them has.
function map.diff(a, b)
    local out = new_map()
    need(b, "map", "map.diff")
    for key, v in pairs_of(need(a, "map", "map.diff")) do if b[key] == nil then out[key] = v end end
    for key, v in pairs_of(b) do if a[key] == nil then out[key] = v end end
    return out
end

-- GeoJSON: a text that knows what it is.

Geo.__tostring = function(g) return rawget(g, 1) end
Geo.__len = function(g) return #rawget(g, 1) end
Geo.__eq = function(a, b) return rawget(a, 1) == rawget(b, 1) end
Geo.__newindex = function() error("a GeoJSON value does not change; make a new one", 2) end

env.geojson = setmetatable({ is_geojson = function(v) return kind(v) == "geojson" end }, {
    __call = function(_, text)
        if type(text) ~= "string" then error("geojson() needs a text", 2) end
        return setmetatable({ text }, Geo)
    end,
})

return { size = SIZE, odd = ODD, list = List, map = Map, geo = Geo }
