-- SPDX-License-Identifier: MIT
-- work.lua time | memory: calls, arithmetic, tables, strings; or a table of 130 MiB.

local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end

local function sieve(n)
	local composite, count = {}, 0
	for i = 2, n do
		if not composite[i] then
			count = count + 1
			for j = i * i, n, i do composite[j] = true end
		end
	end
	return count
end

local function multiply(n)
	local a, b = {}, {}
	for i = 1, n do
		a[i], b[i] = {}, {}
		for j = 1, n do a[i][j], b[i][j] = i + j, i - j end
	end
	local sum = 0.0
	for i = 1, n do
		for j = 1, n do
			local s = 0.0
			for k = 1, n do s = s + a[i][k] * b[k][j] end
			sum = sum + s
		end
	end
	return sum
end

local function strings(n)
	local t = {}
	for i = 1, n do t[#t + 1] = ("%d:%s"):format(i, ("x"):rep(i % 20)) end
	return #table.concat(t):gsub("x+", "y")
end

if arg[1] == "memory" then
	local t = {}
	for i = 1, 650000 do t[i] = { i, tostring(i), i / 2 } end
	print(#t)
else
	print(fib(30), sieve(1500000), multiply(110), strings(150000))
end
