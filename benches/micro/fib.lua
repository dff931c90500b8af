-- 32 benchFib, timed: prints the result and the best of five in microseconds.
local function fib(n) if n < 2 then return 1 end return fib(n - 1) + fib(n - 2) + 1 end
local best, result = math.huge, nil
for _ = 1, 5 do
  local start = os.clock()
  result = fib(32)
  best = math.min(best, os.clock() - start)
end
print(string.format("%d %d", result, best * 1e6))
