--- busted's output: a line a spec file, failures in full at the end, and what was slow.
-- Closes with "N passed, N failed"; a pending spec counts as neither and is named.
local base = require "busted.outputHandlers.base"
local pretty = require "pl.pretty"

-- Seconds from which a spec is named as slow.
local SLOW <const> = require "spec.support.slow"
local SLOWEST <const> = 10

local function text_of(message)
  if type(message) == "string" then return message end
  return message == nil and "no message" or pretty.write(message)
end

return function()
  local handler = base()
  local started, file_failed, file_passed = os.clock(), 0, 0
  local slow, passed, failures, pending = {}, 0, {}, {}
  local clock = require("system").monotime

  local function describe_failure(element, message, trace)
    local where = element and element.trace or trace
    local name = element and handler.getFullName(element) or "outside of any spec"
    local lines = { string.format("FAILED %s", name) }
    if where and where.short_src then
      lines[#lines + 1] = string.format("  %s:%s", where.short_src, where.currentline)
    end
    lines[#lines + 1] = "  " .. text_of(message):gsub("\n", "\n  ")
    if trace and trace.traceback then
      lines[#lines + 1] = "  " .. trace.traceback:gsub("^\n", ""):gsub("\n", "\n  ")
    end
    return table.concat(lines, "\n")
  end

  function handler.suiteStart()
    started = clock()
    return nil, true
  end

  function handler.fileStart()
    file_passed, file_failed = 0, 0
    return nil, true
  end

  function handler.testEnd(element, _, status)
    if status == "success" then
      passed, file_passed = passed + 1, file_passed + 1
    elseif status == "pending" then
      pending[#pending + 1] = handler.getFullName(element)
    else
      file_failed = file_failed + 1
    end
    if element.duration and element.duration >= SLOW then
      slow[#slow + 1] = { name = handler.getFullName(element), seconds = element.duration }
    end
    return nil, true
  end

  function handler.fileEnd(file)
    io.write(string.format("%-44s %5d passed%s  %6.2f s\n", file.name, file_passed,
      file_failed > 0 and string.format(", %d FAILED", file_failed) or "", file.duration or 0))
    io.flush()
    return nil, true
  end

  local function failed(element, _, message, trace)
    failures[#failures + 1] = describe_failure(element, message, trace)
    return nil, true
  end

  --- What breaks outside of a spec (a file that does not load, a failing setup).
  local function broken(element, parent, message, trace)
    if element.descriptor ~= "it" then failed(element, parent, message, trace) end
    return nil, true
  end

  local function summary()
    for _, failure in ipairs(failures) do io.write("\n", failure, "\n") end
    for _, name in ipairs(pending) do io.write("\npending: ", name) end
    if #pending > 0 then io.write "\n" end
    if #slow > 0 then
      table.sort(slow, function(a, b) return a.seconds > b.seconds end)
      io.write "\nslow:\n"
      for i = 1, math.min(SLOWEST, #slow) do
        io.write(string.format("  %6.2f s  %s\n", slow[i].seconds, slow[i].name))
      end
    end
    io.write(string.format("\n%d passed, %d failed%s in %.1f s\n", passed, #failures,
      #pending > 0 and string.format(", %d pending", #pending) or "", clock() - started))
    io.flush()
    return nil, true
  end

  local busted = require "busted"
  busted.subscribe({ "suite", "start" }, handler.suiteStart)
  busted.subscribe({ "suite", "end" }, summary)
  busted.subscribe({ "file", "start" }, handler.fileStart)
  busted.subscribe({ "file", "end" }, handler.fileEnd)
  busted.subscribe({ "test", "end" }, handler.testEnd, { predicate = handler.cancelOnPending })
  busted.subscribe({ "failure", "it" }, failed)
  busted.subscribe({ "error", "it" }, failed)
  busted.subscribe({ "failure" }, broken)
  busted.subscribe({ "error" }, broken)
  return handler
end
