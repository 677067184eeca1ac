-- What a module's code finds around it: Lua's own functions that cannot run away or reach out, in a
-- table of their own. `host` has what is written in Rust; `env` is filled here and by the files after
-- this one.
local host, env, kinds = ...

local error, getmetatable, next, rawget, rawlen, rawset, select, setmetatable, type =
    error, getmetatable, next, rawget, rawlen, rawset, select, setmetatable, type
local pcall, tripped = pcall, host.tripped
local string_rep, table_concat, table_unpack = string.rep, table.concat, table.unpack

for _, name in ipairs { "assert", "error", "ipairs", "pairs", "rawequal", "rawget", "rawlen", "rawset",
    "select", "tonumber", "tostring", "_VERSION" } do
    env[name] = _G[name]
end
env._G = env

-- Lists, maps and shapes are made of tables; to a module they are values of their own.
function env.type(...)
    local name = type(...)
    if name == "table" and kinds[getmetatable(...)] then return "userdata" end
    return name
end

function env.next(t, key)
    if type(t) == "table" and kinds[getmetatable(t)] then
        error("next() needs a table; use list.iterator or map.pairs", 2)
    end
    return next(t, key)
end

function env.getmetatable(v)
    local meta = getmetatable(v)
    if type(v) == "string" or kinds[meta] then return false end
    return meta
end

-- Finalizers run while no limit is watched, so there are none.
function env.setmetatable(t, meta)
    if type(t) == "table" and kinds[getmetatable(t)] then
        error("the metatable of a list or a map cannot be set", 2)
    end
    if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
        error("__gc is not available", 2)
    end
    return setmetatable(t, meta)
end

-- Errors may be caught, but not that time or memory is over.
local function unless_tripped(ok, ...)
    if not ok and tripped(...) then error(..., 0) end
    return ok, ...
end

function env.pcall(f, ...) return unless_tripped(pcall(f, ...)) end

-- The handler runs when the error has been caught: inside of it, an error would call it again.
local function handled(handler, ok, ...)
    if ok then return true, ... end
    local _, message = env.pcall(handler, ...)
    return false, message
end

function env.xpcall(f, handler, ...) return handled(handler, env.pcall(f, ...)) end

function env.collectgarbage(what)
    return what == "count" and host.used_memory() / 1024 or 0
end

env.coroutine = {}
for name, f in next, coroutine do env.coroutine[name] = f end
local resume, close = coroutine.resume, coroutine.close
function env.coroutine.resume(...) return unless_tripped(resume(...)) end

function env.coroutine.close(...) return unless_tripped(close(...)) end

env.math, env.utf8 = {}, {}
for name, f in next, math do env.math[name] = f end
for name, f in next, utf8 do env.utf8[name] = f end
env.os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }

-- Patterns are matched in Rust, which counts its steps; bytecode is not for modules.
env.string = {}
for name, f in next, string do env.string[name] = f end
env.string.dump = nil
env.string.find, env.string.match = host.find, host.match
env.string.gmatch, env.string.gsub = host.gmatch, host.gsub
function env.string.rep(s, n, sep)
    -- Nothing, very often, takes as long as something.
    if s == "" and (sep == nil or sep == "") then return "" end
    return string_rep(s, n, sep)
end
getmetatable("").__index = env.string

-- Lua's table functions loop in C over whatever length a table says it has. These loop in Lua, where
-- time is watched, unless the table is plain.
env.table = { pack = table.pack }

function env.table.unpack(t, i, j)
    return table_unpack(t, i, j)
end

function env.table.insert(t, ...)
    local n, count = #t, select("#", ...)
    if count == 1 then
        t[n + 1] = ...
        return
    end
    if count ~= 2 then error("wrong number of arguments to 'insert'", 2) end
    local at, value = ...
    if at < 1 or at > n + 1 then error("bad argument #2 to 'insert' (position out of bounds)", 2) end
    for i = n, at, -1 do t[i + 1] = t[i] end
    t[at] = value
end

function env.table.remove(t, at)
    local n = #t
    at = at or n
    if n == 0 and (at == 0 or at == n) then return t[at] end
    if at < 1 or at > n + 1 then error("bad argument #2 to 'remove' (position out of bounds)", 2) end
    local value = t[at]
    for i = at, n - 1 do t[i] = t[i + 1] end
    if at <= n then t[n] = nil end
    return value
end

function env.table.move(from, first, last, at, to)
    to = to or from
    if last >= first then
        if at > last or at <= first or to ~= from then
            for i = 0, last - first do to[at + i] = from[first + i] end
        else
            for i = last - first, 0, -1 do to[at + i] = from[first + i] end
        end
    end
    return to
end

function env.table.concat(t, sep, first, last)
    first, last = first or 1, last or #t
    if getmetatable(t) ~= nil then
        local plain = {}
        for i = first, last do plain[i - first + 1] = t[i] end
        t, first, last = plain, 1, last - first + 1
    end
    return table_concat(t, sep, first, last)
end

local function less(a, b) return a < b end

-- A merge sort of a[1..n], stable; b is room.
local function merge_sort(a, b, n, before)
    local width = 1
    while width < n do
        for low = 1, n, 2 * width do
            local mid, high = low + width, low + 2 * width
            if mid > n + 1 then mid = n + 1 end
            if high > n + 1 then high = n + 1 end
            local left, right = low, mid
            for at = low, high - 1 do
                if left < mid and (right >= high or not before(a[right], a[left])) then
                    b[at] = a[left]
                    left = left + 1
                else
                    b[at] = a[right]
                    right = right + 1
                end
            end
        end
        a, b = b, a
        width = 2 * width
    end
    return a
end

function env.table.sort(t, before)
    local n, from = #t, {}
    for i = 1, n do from[i] = t[i] end
    local sorted = merge_sort(from, {}, n, before or less)
    for i = 1, n do t[i] = sorted[i] end
end

host.sort = env.table.sort

-- Messages for the node's log.
for level, name in ipairs { "warn", "info", "debug", "trace" } do
    local format = string.format
    env[name] = function(text, ...) host.log(level, format(text, ...)) end
end

-- Other modules, and the names that Aerospike's own modules load.
function env.require(name)
    return host.require(name)
end
