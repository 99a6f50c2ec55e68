--- `test` and what stands in one: a rule's own unit tests. Here they are only written down;
-- signalbox.rule_tests runs them. Part of the sandbox; see rule_worker.lua.
local env <const>, words <const> = ...

local ipairs <const>, pairs <const>, tostring <const>, type <const> = ipairs, pairs, tostring, type
local check <const>, tools <const> = words.check, words.tools

-- Where nobody asks for tests, none is made.
if not words.tests_wanted then
  local function nothing() return nothing end
  env.test, env.at, env.signal, env.figures = nothing, nothing, nothing, nothing
  env.run, env.expect = nothing, nothing
  return
end

local STATES <const> = { "quiet", "pending", "firing", "resolved" }

--- Something that a test does or expects; told from plain tables by its field `act`.
local function action(kind, fields)
  fields.act, fields.place = kind, tools.place()
  return fields
end

--- signal "type", signal("type", { fields }) or signal { fields }.
function env.signal(first, fields)
  local given = {}
  if type(first) == "table" then fields = first end
  for name, value in pairs(fields or {}) do given[name] = value end
  if type(first) == "string" then given.signal_type = first end
  return action("signal", { fields = given })
end

--- The figures that are overlaid from here on: figures { due = 1200, ["outbox.waiting"] = 3 }.
function env.figures(values) return action("figures", { values = values }) end

--- A run of a command that ended at this time: run("backup", { status = "failed" }).
function env.run(command, fields)
  return action("run", { command = command, fields = fields or {} })
end

--- expect "quiet" / "pending" / "firing" / "resolved"; expect("NAME", state); expect { name=?,
-- state=, instances = {{labels=, value=?, summary=?}, ...} }: exactly these.
function env.expect(first, second)
  local wish
  if type(first) == "table" then
    wish = { name = first.name, state = first.state or "firing", instances = first.instances }
  elseif second ~= nil then
    wish = { name = first, state = second }
  else
    wish = { state = first }
  end
  check.choice(wish.state, "the expected state", STATES)
  return action("expect", wish)
end

--- at "47h" { ... }
function env.at(when)
  local offset = check.seconds(when, "the time of a step")
  return function(actions)
    for i, one in ipairs(actions) do
      if type(one) ~= "table" or not one.act then
        check.fail("item %d of at '%s' is none of signal, figures, run, expect", i, tostring(when))
      end
    end
    return { act = "at", at = offset, actions = actions }
  end
end

--- test(name, { at "0h" {...}, ..., every = "1m", start = "2026-01-05", series = {...} }), or
-- test "name" { ... }.
function env.test(name, spec)
  if spec == nil then
    return function(fields) return env.test(name, fields) end
  end
  check.text(name, "the name of a test", 200)
  local one = { name = name, place = tools.place(), steps = {}, start = spec.start,
    every = spec.every and check.seconds(spec.every, "every") or nil, series = spec.series }
  for i, step in ipairs(spec) do
    if type(step) ~= "table" or step.act ~= "at" then
      check.fail("item %d of test '%s' is no `at \"TIME\" { ... }`", i, name)
    end
    one.steps[i] = step
  end
  words.tests[#words.tests + 1] = one
end
