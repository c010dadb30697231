-- SPDX-License-Identifier: MIT
-- A walk through Lua: every library, the collector, coroutines, errors, goto, metatables.

local function check(ok, what) if not ok then error("failed: " .. what, 2) end end

-- numbers and strings
check(7 // 2 == 3 and -7 // 2 == -4 and 7 % -3 == -2 and 2 ^ 10 == 1024.0, "arithmetic")
check(1 << 62 >> 62 == 1 and ~0 == -1 and 5 & 3 | 8 ~ 1 == 9, "bits")
check(math.tointeger("8") == nil or math.tointeger("8") == 8, "tointeger")
check(math.type(1) == "integer" and math.type(1.0) == "float" and math.ult(1, -1), "math")
check(string.format("%5.2f|%-5d|%q|%x|%s", 3.14159, 42, "a\nb", 255, {} ~= nil) ==
	" 3.14|42   |\"a\\\nb\"|ff|true", "format")
check(("hello world"):gsub("o", "0") == "hell0 w0rld", "gsub")
check(("key = value"):match("^(%w+)%s*=%s*(%w+)$") == "key", "match")
check(("abc"):rep(3, "-") == "abc-abc-abc" and ("x"):byte() == 120 and #("é") == 2, "rep")
local packed = string.pack("<i4 z s2 d", 7, "zero", "two", 1.5)
local a, b, c, d = string.unpack("<i4 z s2 d", packed)
check(a == 7 and b == "zero" and c == "two" and d == 1.5, "pack")
local points = {}
for _, p in utf8.codes("añ€") do points[#points + 1] = p end
check(#points == 3 and utf8.char(table.unpack(points)) == "añ€", "utf8")
for _, s in ipairs { "10", "0x1p4", "1e2", " 5 ", "junk", "" } do tonumber(s) end
check(tostring(1e15) == "1e+15" and 10 == "10" + 0, "conversion")

-- tables
local t = {}
for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
table.sort(t)
for i = 2, #t do check(t[i - 1] <= t[i], "sort") end
table.sort(t, function(x, y) return x > y end)
table.move(t, 1, 500, 501)
check(table.concat({ 1, 2, 3 }, ", ") == "1, 2, 3" and select("#", table.unpack(t, 1, 9)) == 9, "table")
for i = 1, 2000 do t["k" .. i] = { i } end
for k in pairs(t) do t[k] = nil end
check(next(t) == nil, "next")

-- metatables, closures, goto, varargs, closing variables
local V = {}
V.__index = V
V.__add = function(x, y) return setmetatable({ n = x.n + y.n }, V) end
V.__eq = function(x, y) return x.n == y.n end
V.__lt = function(x, y) return x.n < y.n end
V.__le = function(x, y) return x.n <= y.n end
V.__concat = function(x, y) return tostring(x) .. tostring(y) end
V.__tostring = function(x) return "V" .. x.n end
V.__len = function(x) return x.n end
V.__call = function(x, y) return x.n + y end
V.__close = function(x) x.closed = true end
local function v(n) return setmetatable({ n = n }, V) end
check(v(1) + v(2) == v(3) and v(1) < v(2) and v(2) <= v(2) and #v(4) == 4 and v(1)(2) == 3, "metatable")
check(v(1) .. v(2) == "V1V2", "concat")
local kept = v(9)
do local closing <close> = kept end
check(kept.closed, "close")
local function sum(...)
	local s = 0
	for i = 1, select("#", ...) do s = s + (select(i, ...)) end
	return s
end
check(sum(table.unpack({ 1, 2, 3, 4 })) == 10, "varargs")
do
	local i = 0
	::again::
	i = i + 1
	if i < 10 then goto again end
	check(i == 10, "goto")
end

-- coroutines and errors
local co = coroutine.wrap(function(x) for i = 1, 100 do x = coroutine.yield(x + i) end return x end)
local x = 0
for _ = 1, 50 do x = co(x) end
check(x == 1275, "coroutine")
local ok, message = pcall(error, { code = 7 })
check(not ok and message.code == 7, "error")
check(not pcall(function() return nil + 1 end) and not pcall(string.rep, "x", -1, {}, {}) or true, "pcall")
check(select(2, xpcall(function() local y = nil; return y.z end, debug.traceback)):find("traceback"), "xpcall")
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
check(deep(5000) == 5000, "recursion")
check(not pcall(function() local function f() return 1 + f() end return f() end), "overflow")

-- the compiler and dumped code
local f = assert(load("local a, b = ... return a * b + #tostring(a)"))
check(load(string.dump(f))(6, 7) == 43, "dump")
check(not load("x = = 1") and not load("for") and not load("goto nowhere"), "syntax errors")
local source = {}
for i = 1, 300 do source[i] = "local function f" .. i % 150 .. "(a) return a + " .. i .. " end" end
check(load("do " .. table.concat(source, "\n", 1, 150) .. " end"), "a large chunk")

-- files, the system, debug
local name = os.tmpname()
local file = assert(io.open(name, "w+"))
file:setvbuf("full", 1024)
for i = 1, 500 do file:write(i, " ", i / 3, " line\n") end
file:seek("set")
local n, q, word = file:read("n", "n", "l")
check(n == 1 and math.abs(q - 1 / 3) < 1e-9 and word == " line", "read")
local lines = 0
for line in file:lines() do lines = lines + #line end
check(lines > 500 and file:close() and #assert(io.open(name)):read("a") > 5000, "lines")
os.rename(name, name .. ".x")
os.remove(name .. ".x")
check(os.time { year = 2020, month = 1, day = 1, hour = 12 } > 0 and os.date("!%Y", 0) == "1970", "date")
check(os.getenv("PATH") and not os.getenv("no such variable") and os.clock() >= 0, "os")
check(io.popen("echo out"):read("l") == "out", "popen")
check(debug.getinfo(1, "Sl").short_src:find("lua.lua") and debug.getlocal(1, 1), "debug")
debug.sethook(function() end, "crl", 100)
for _ = 1, 100 do math.random(100) end
debug.sethook()

-- the collector, in each of its modes
for _, mode in ipairs { "incremental", "generational" } do
	collectgarbage(mode)
	local weak = setmetatable({}, { __mode = "kv" })
	for i = 1, 20000 do
		weak[i] = { i, tostring(i) }
		if i % 5000 == 0 then collectgarbage("step") end
	end
	setmetatable({}, { __gc = function() weak.done = true end })
	collectgarbage()
end
check(collectgarbage("count") > 0, "count")
print("all of lua.lua passed")
