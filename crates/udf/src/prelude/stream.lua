-- Streams: operations that a function puts behind one another, and the loop that runs them.
--
-- `drive` is the body of a coroutine: it yields for each next value and is resumed with it, or with
-- nil at the end. So a stream needs no thread while it waits for records.
local host, env, kinds = ...

local error, getmetatable, setmetatable, type, yield =
    error, getmetatable, setmetatable, type, coroutine.yield
local map, list = env.map, env.list

local Stream = {}
Stream.__index = Stream
kinds[Stream] = "stream"

-- Each stage takes a function that gives the next value, nil at the end, and is such a function.

local stages = {}

function stages.filter(step, keep)
    return function()
        for v in step do if keep(v) then return v end end
    end
end

-- A value that becomes nil is left out: nil would end the stream.
function stages.map(step, f)
    return function()
        for v in step do
            local out = f(v)
            if out ~= nil then return out end
        end
    end
end

local function copy(v)
    if map.is_map(v) then return map.clone(v) end
    if list.is_list(v) then return list.clone(v) end
    if type(v) == "table" and not kinds[getmetatable(v)] then
        local out = {}
        for key, value in pairs(v) do out[key] = value end
        return out
    end
    return v
end

function stages.aggregate(step, init, f)
    local done = false
    return function()
        if done then return nil end
        done = true
        local sum = copy(init)
        for v in step do sum = f(sum, v) end
        return sum
    end
end

function stages.reduce(step, f)
    local done = false
    return function()
        if done then return nil end
        done = true
        local sum = step()
        if sum ~= nil then for v in step do sum = f(sum, v) end end
        return sum
    end
end

local function add(stream, name, argument, second)
    local f = second or argument
    if type(f) ~= "function" then error("a stream's " .. name .. " needs a function", 3) end
    local ops = stream.ops
    ops[#ops + 1] = { name = name, argument, second }
    return stream
end

function Stream:filter(keep) return add(self, "filter", keep) end

function Stream:map(f) return add(self, "map", f) end

function Stream:reduce(f) return add(self, "reduce", f) end

function Stream:aggregate(init, f) return add(self, "aggregate", init, f or false) end

-- The values by what `key` makes of them: a map of lists.
function Stream:groupby(key)
    local function put(groups, v)
        local k = v
        if key then k = key(v) end
        local group = groups[k]
        if not group then
            group = list()
            groups[k] = group
        end
        list.append(group, v)
        return groups
    end
    local function join(a, b) return map.merge(a, b, list.merge) end
    return self:aggregate(map(), put):reduce(join)
end

-- The operations that run beside the records: up to the first reduce, which runs here and, on what
-- it gave, once more where the parts come together, before all that stands behind it.
local function part(ops, beside)
    local own, rest, at_end = {}, {}, false
    for _, op in ipairs(ops) do
        if not at_end then own[#own + 1] = op end
        if op.name == "reduce" then at_end = true end
        if at_end then rest[#rest + 1] = op end
    end
    return beside and own or rest
end

-- Runs the stream that `f` makes: beside the records, or where the parts come together.
local function drive(f, beside, ...)
    local stream = f(setmetatable({ ops = {} }, Stream), ...)
    if type(stream) ~= "table" or getmetatable(stream) ~= Stream then
        error("the function has to return the stream that it was given, with its operations", 0)
    end
    local ended = false
    local function step()
        if ended then return nil end
        local v = yield()
        ended = v == nil
        return v
    end
    for _, op in ipairs(part(stream.ops, beside)) do step = stages[op.name](step, op[1], op[2]) end
    for v in step do host.emit(v) end
end

return drive
