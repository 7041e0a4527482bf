-- Feeds wrk from a file that bench/wrk.ts writes, and judges every answer: status and whole body.
-- File: a sequence of strings, each as its length in decimal, a line feed, its bytes:
--   expected status · "once" or "again" · body of every request (may be empty) · pattern of the answers' body (or empty)
--   · number of request heads, the heads · number of expected answer bodies, the bodies
local heads, bodies = {}, {}
local expected = {}
local body, pattern, wanted, once
-- wrk asks once for a request that it only looks at.
local position = -1
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local function take()
    local size = assert(file:read("*n"))
    file:read(1)
    if size == 0 then return "" end
    return assert(file:read(size))
  end
  wanted = tonumber(take())
  once = take() == "once"
  body = take()
  pattern = take()
  for i = 1, tonumber(take()) do heads[i] = take() end
  local count = tonumber(take())
  for i = 1, count do expected[take()] = true end
  if count == 0 then expected = nil end
  file:close()
  right, wrong, first_wrong = 0, 0, ""
end

function request()
  position = position + 1
  if position == 0 then return heads[1] .. body end
  if position > #heads then
    if once then
      wrk.thread:stop()
      position = #heads
    else
      position = 1
    end
  end
  return heads[position] .. body
end

function response(status, headers, answer)
  local ok = status == wanted
  -- Strings are interned: this lookup compares every byte.
  if ok and expected then ok = expected[answer] == true end
  if ok and pattern ~= "" then ok = answer:find(pattern) ~= nil end
  if ok then
    right = right + 1
  else
    wrong = wrong + 1
    if wrong == 1 then first_wrong = status .. " " .. answer:sub(1, 300):gsub("%c", " ") end
  end
end

function done(summary, latency, requests)
  local all_right, all_wrong, note = 0, 0, ""
  for _, thread in ipairs(threads) do
    all_right = all_right + thread:get("right")
    all_wrong = all_wrong + thread:get("wrong")
    note = note .. thread:get("first_wrong")
  end
  local e = summary.errors
  io.write(string.format("\nRESULT %d %d %d %d %d %d %d\n", all_right, all_wrong,
    e.connect + e.read + e.write + e.timeout, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99)))
  if note ~= "" then io.write("WRONG " .. note .. "\n") end
end
