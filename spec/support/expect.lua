--- What a call that goes wrong is expected to do.
local assert = require "luassert"

local M = {}

--- It came back as `nil, err` with this code, and gives err:
--      expect.failure("duplicate", store:save_signal(again))
function M.failure(code, ...)
  local value, err = ...
  assert.is_nil(value, "the call should have failed")
  assert.is_table(err)
  assert.equal(code, err.code, tostring(err))
  return err
end

--- It came back as `nil, err`: the value of `field` is out of bounds, and the message says so.
function M.invalid(field, ...)
  local err = M.failure("invalid", ...)
  assert.equal(field, err.detail.field, tostring(err))
  assert.truthy(err.message:find(field, 1, true), err.message)
  return err
end

--- It raised a text that has all of `parts` in it.
function M.raises(parts, fn, ...)
  local fine, raised = pcall(fn, ...)
  assert.is_false(fine, "the call should have raised")
  for _, part in ipairs(type(parts) == "table" and parts or { parts }) do
    assert.truthy(tostring(raised):find(part, 1, true), tostring(raised))
  end
  return raised
end

--- Values of every type of Lua, by the name of the type.
M.values = {
  ["nil"] = nil,
  boolean = true,
  number = 5,
  string = "5",
  table = {},
  ["function"] = function() end,
  thread = coroutine.create(function() end),
  userdata = io.stdout,
}

--- Calls `try(value, type)` for a value of each type but those named.
function M.each_type_but(allowed, try)
  for _, kind in ipairs { "boolean", "number", "string", "table", "function", "thread",
    "userdata" } do
    if not (" " .. allowed .. " "):find(" " .. kind .. " ", 1, true) then try(M.values[kind],
      kind) end
  end
end

return M
