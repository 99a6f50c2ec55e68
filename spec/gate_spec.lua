local cjson = require "cjson"
local expect = require "spec.support.expect"
local gate = require "signalbox.gate"
local vectors = require "spec.support.vectors"

local NOW <const> = "2026-11-01T12:00:00+00:00"
local NOW_SECONDS <const> = 1793534400
local DAY <const> = 86400

--- The text of a time some days before NOW, as the store writes it.
local function days_ago(days)
  local seconds = NOW_SECONDS - days * DAY
  local whole = seconds // 1
  return os.date("!%Y-%m-%dT%H:%M:%S", whole)
    .. (".%06d+00:00"):format((seconds - whole) * 1e6 // 1)
end

local next_id = 0

local function signal(signal_type, fields)
  next_id = next_id + 1
  local made = { id = next_id, signal_type = signal_type, source_api = "github", confidence = 1,
    detected_at = days_ago(0) }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local function evaluate(signals, options)
  local with_now = { now = NOW }
  for name, value in pairs(options or {}) do with_now[name] = value end
  return assert(gate.evaluate(signals, with_now))
end

local function near(expected, actual, message)
  assert.is_true(math.abs(expected - actual) < 1e-9,
    ("%s: expected %.12g, got %.12g"):format(message or "number", expected, actual))
end

describe("the gate's verdict", function()
  it("rejects a company without signals", function()
    local verdict = evaluate {}
    assert.equal("reject", verdict.decision)
    assert.equal("unverified", verdict.verification_status)
    assert.equal(0, verdict.score)
    assert.equal("", verdict.suggested_status)
  end)

  it("holds a company with a little evidence", function()
    local verdict = evaluate { signal "github_spike" }
    near(0.2, verdict.score)
    assert.equal("hold", verdict.decision)
    assert.equal("single_source", verdict.verification_status)
    assert.equal("", verdict.suggested_status)
    assert.equal("score 0.200 from one source is below 0.4", verdict.reason)
  end)

  it("asks for a review between the thresholds", function()
    local verdict = evaluate { signal "github_spike", signal("hiring_signal") }
    near((0.2 + 0.3) * 1.2, verdict.score)
    assert.equal("needs_review", verdict.decision)
    assert.equal("Tracking", verdict.suggested_status)
    assert.equal("score 0.600 from one source reaches 0.4, not 0.7", verdict.reason)
  end)

  it("pushes what several sources agree on", function()
    local verdict = evaluate {
      signal "github_spike", signal("hiring_signal", { source_api = "jobs" }),
    }
    near((0.2 + 0.3) * 1.15 * 1.2, verdict.score)
    assert.equal("needs_review", verdict.decision)
    verdict = evaluate {
      signal "github_spike", signal("hiring_signal", { source_api = "jobs" }),
      signal("incorporation", { source_api = "companies_house" }),
    }
    assert.equal(1, verdict.score)
    near(0.75 * 1.3 * 1.5, verdict.breakdown.uncapped_score)
    assert.equal("auto_push", verdict.decision)
    assert.equal("multi_source", verdict.verification_status)
    assert.equal("Source", verdict.suggested_status)
  end)

  it("pushes a single source's evidence, but not in strict mode", function()
    local signals = { signal "github_spike", signal "hiring_signal", signal "incorporation" }
    assert.equal("auto_push", evaluate(signals).decision)
    local verdict = evaluate(signals, { strict_mode = true })
    assert.equal("needs_review", verdict.decision)
    assert.matches("strict mode asks for two", verdict.reason)
    assert.is_true(verdict.breakdown.strict_mode)
  end)

  it("is ended by the dissolution of the company, whatever else is known", function()
    local verdict = evaluate({ signal "hiring_signal", signal("company_dissolved", { id = "d" }) },
      { founder_score = 1 })
    assert.equal("reject", verdict.decision)
    assert.equal("unverified", verdict.verification_status)
    assert.equal(0, verdict.score)
    assert.equal("d", verdict.breakdown.hard_kill.id)
    assert.equal("company_dissolved, seen by github, rules it out", verdict.reason)
  end)

  it("leaves to a person what contradicts itself", function()
    local verdict = evaluate { signal "hiring_signal", signal "domain_dead" }
    assert.equal("needs_review", verdict.decision)
    assert.equal("conflicting", verdict.verification_status)
    assert.equal("domain_dead contradicts hiring_signal: a person must look", verdict.reason)
    assert.equal("reject", evaluate({ signal "domain_dead" }).decision)
  end)

  it("says on which side of a threshold a score lies, however near", function()
    local function reason(confidence)
      return evaluate({ signal("hiring_signal", { confidence = confidence }) },
        { review_threshold = 0.15 }).reason
    end
    assert.equal("score 0.1499 from one source is below 0.15", reason(0.49965))
    assert.equal("score 0.14999999999999997 from one source is below 0.15",
      reason(0.4999999999999999))
    assert.equal("score 0.150 from one source reaches 0.15, not 0.7", reason(0.5))
  end)

  it("is the predecessor's, within what its rounding makes", function()
    local worst = 0
    for i, case in ipairs(vectors.read "gate") do
      for _, one in ipairs(case.signals) do one.detected_at = days_ago(one.age_days) end
      local verdict = evaluate(case.signals, {
        strict_mode = case.strict_mode, founder_score = case.founder_score,
        velocity_boost = case.velocity_boost, momentum_score = case.momentum_score,
      })
      local difference = math.abs(case.score - verdict.score)
      assert.is_true(difference <= 0.002, ("case %d: %s"):format(i, cjson.encode(case)))
      worst = math.max(worst, difference)
      local nearest = math.min(math.abs(case.score - 0.4), math.abs(case.score - 0.7))
      if nearest > 0.002 then
        for _, name in ipairs { "decision", "verification_status", "suggested_status" } do
          assert.equal(case[name], verdict[name], ("case %d: %s"):format(i, name))
        end
      end
      for name, value in pairs(case.breakdown) do
        assert.is_true(math.abs(value - verdict.breakdown[name]) <= 0.002,
          ("case %d: %s is %g, not %g"):format(i, name, verdict.breakdown[name], value))
      end
    end
    assert.is_true(worst > 0)
  end)
end)

describe("the gate's breakdown", function()
  it("has every number of every signal", function()
    local verdict = evaluate {
      signal("github_spike", { id = 7, confidence = 0.8, detected_at = days_ago(28.5) }),
      signal("mystery", { id = 8, source_api = "elsewhere", confidence = 0.5,
        detected_at = days_ago(90) }),
      signal("github_inactive_90d", { id = 9, detected_at = days_ago(2), confidence = 0.9 }),
    }
    assert.same({
      { id = 7, signal_type = "github_spike", source_api = "github", confidence = 0.8,
        age_days = 28, weight = 0.2, half_life_days = 14, contribution = 0.2 * 0.25 * 0.8 },
      { id = 8, signal_type = "mystery", source_api = "elsewhere", confidence = 0.5,
        age_days = 90, weight = 0.05, half_life_days = 90, contribution = 0.05 * 0.5 * 0.5 },
    }, verdict.breakdown.evidence)
    assert.same({
      { id = 9, signal_type = "github_inactive_90d", source_api = "github", confidence = 0.9,
        age_days = 2, multiplier = 0.3 },
    }, verdict.breakdown.negatives)
    assert.same({ "github", "elsewhere" }, verdict.breakdown.sources)
    assert.equal("integer", math.type(verdict.breakdown.evidence[1].age_days))
  end)

  it("can be calculated again", function()
    local verdict = evaluate({
      signal("github_spike", { confidence = 0.9, detected_at = days_ago(3) }),
      signal("patent_filing", { source_api = "uspto", detected_at = days_ago(100) }),
      signal("job_at_big_co_recent", { source_api = "linkedin" }),
    }, { founder_score = 0.4, velocity_boost = 0.5, momentum_score = 0.3 })
    local b = verdict.breakdown
    local sum = 0
    for _, item in ipairs(b.evidence) do sum = sum + item.contribution end
    near(b.evidence_score, sum)
    near(0.6, b.negative_multiplier)
    near(b.base_score, b.evidence_score * b.negative_multiplier)
    near(1.3, b.multi_source_boost)
    near(1.2, b.convergence_boost)
    near(0.06, b.founder_boost)
    near(0.2, b.velocity_boost)
    near(b.uncapped_score,
      b.base_score * b.multi_source_boost * b.convergence_boost
        + b.founder_boost + b.velocity_boost)
    near(verdict.score, b.uncapped_score)
    assert.equal(0.7, b.auto_push_threshold)
    assert.equal(0.4, b.review_threshold)
    assert.equal(2, b.signals_contributing)
    assert.equal(3, b.sources_checked)
    assert.equal(0.3, b.momentum_score)
    assert.equal(NOW_SECONDS, verdict.evaluated_at)
  end)

  it("counts the best of each type only, and shows what it supersedes", function()
    local verdict = evaluate {
      signal("github_spike", { id = "weak", confidence = 0.2 }),
      signal("github_spike", { id = "best", confidence = 0.9 }),
      signal("github_spike", { id = "old", confidence = 1, detected_at = days_ago(14) }),
    }
    near(0.18, verdict.score)
    assert.equal("best", verdict.breakdown.evidence[1].id)
    assert.equal(1, verdict.breakdown.signals_contributing)
    local superseded = {}
    for i, item in ipairs(verdict.breakdown.superseded) do superseded[i] = item.id end
    assert.same({ "weak", "old" }, superseded)
  end)

  it("counts sources over all signals, negative ones too", function()
    local verdict = evaluate {
      signal "github_spike", signal("job_at_big_co_old", { source_api = "linkedin" }),
    }
    assert.equal(2, verdict.breakdown.sources_checked)
    assert.equal(1.15, verdict.breakdown.multi_source_boost)
  end)

  it("multiplies for each negative signal, also of one type", function()
    local verdict = evaluate {
      signal "hiring_signal", signal "github_inactive_90d", signal "github_inactive_90d",
    }
    near(0.09, verdict.breakdown.negative_multiplier)
  end)

  it("takes what has faded for nothing", function()
    local verdict = evaluate { signal("github_spike", { detected_at = days_ago(1000) }) }
    assert.equal(0, verdict.breakdown.evidence[1].contribution)
    assert.equal("reject", verdict.decision)
    assert.equal("no evidence that counts", verdict.reason)
  end)
end)

describe("the age of a signal", function()
  local function age(detected_at, now)
    return assert(gate.evaluate({ signal("incorporation", { detected_at = detected_at }) },
      { now = now or NOW })).breakdown.evidence[1].age_days
  end

  it("is in whole days", function()
    assert.equal(0, age(days_ago(0.999)))
    assert.equal(1, age(days_ago(1)))
    assert.equal(13, age(days_ago(13.999)))
    assert.equal(0, age "2026-10-31T12:00:00.000001+00:00")
    assert.equal(1, age "2026-10-31T12:00:00.000000+00:00")
    assert.equal(1, age "2026-10-31T12:00:00+00:00")
  end)

  it("is none where the other clock goes ahead of ours", function()
    assert.equal(0, age(days_ago(-0.001)))
    assert.equal(0, age(days_ago(-400)))
  end)

  it("is counted from epoch seconds as well", function()
    assert.equal(10, age(NOW_SECONDS - 10 * DAY))
    assert.equal(10, age(days_ago(10), NOW_SECONDS))
  end)

  it("is counted over leap days and centuries", function()
    assert.equal(1, age("2024-02-29T00:00:00+00:00", "2024-03-01T00:00:00+00:00"))
    assert.equal(366, age("2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"))
    assert.equal(36524, age("2000-03-01T00:00:00+00:00", "2100-03-01T00:00:00+00:00"))
    assert.equal(20758, age("1970-01-01T00:00:00+00:00"))
  end)

  it("is counted from the clock where nothing else is said", function()
    local yesterday = signal("incorporation", { detected_at = os.time() - DAY })
    local verdict = assert(gate.evaluate { yesterday })
    assert.equal(1, verdict.breakdown.evidence[1].age_days)
    assert.is_true(math.abs(verdict.evaluated_at - os.time()) < 5)
  end)
end)

describe("the gate's options", function()
  it("are every number that it has", function()
    local signals = {
      signal("github_spike", { detected_at = days_ago(10) }),
      signal("mystery", { source_api = "x", detected_at = days_ago(10) }),
      signal("domain_dead", { source_api = "y" }),
    }
    local verdict = evaluate(signals, {
      weights = { github_spike = 0.5 }, default_weight = 0.4,
      half_lives = { github_spike = 10 }, default_half_life = 5,
      negative_multipliers = { domain_dead = 0.5 }, conflicting = { domain_dead = false },
      source_boosts = { 1, 1, 2 }, convergence_boosts = { 1, 1.1 },
      founder_score = 1, founder_weight = 0.3, founder_boost_max = 0.02,
      velocity_boost = 1, velocity_boost_max = 0.01,
      auto_push_threshold = 0.3, review_threshold = 0.1,
      suggested_status = { auto_push = "New" },
    })
    near((0.5 * 0.5 + 0.4 * 0.25) * 0.5 * 2 * 1.1 + 0.02 + 0.01, verdict.score)
    assert.equal("auto_push", verdict.decision)
    assert.equal("New", verdict.suggested_status)
    assert.equal("reject",
      evaluate({ signal "github_spike" }, { least_contribution = 0.3 }).decision)
    assert.equal("reject",
      evaluate({ signal "domain_dead", signal "github_spike" },
        { hard_kills = { domain_dead = true } }).decision)
  end)

  it("leave the numbers alone that they don't name", function()
    local verdict = evaluate({ signal "hiring_signal" }, { weights = { github_spike = 0.9 } })
    near(0.3, verdict.score)
    assert.equal(0.2, gate.defaults.weights.github_spike)
  end)

  it("may change from company to company in what is a company's own", function()
    local options = { now = NOW, weights = { hiring_signal = 0.1 } }
    local signals = { signal "hiring_signal" }
    near(0.1, gate.evaluate(signals, options).score)
    options.founder_score, options.now = 1, NOW_SECONDS + 45 * DAY
    near(0.05 + 0.15, gate.evaluate(signals, options).score)
    options.founder_score = 0 / 0
    expect.invalid("founder_score", gate.evaluate(signals, options))
  end)

  it("are checked, by themselves too", function()
    assert.is_true(gate.check {})
    assert.is_true(gate.check { now = NOW, strict_mode = false, weights = { anything = 0 } })
    expect.invalid("review_threshold", gate.check { review_threshold = -1 })
    expect.invalid("half_lives.github_spike", gate.check { half_lives = { github_spike = 0 } })
    expect.invalid("source_boosts", gate.check { source_boosts = {} })
    expect.invalid("now", gate.check { now = "yesterday" })
    expect.invalid("founder_score", gate.evaluate({}, { founder_score = math.huge }))
    expect.raises({ "#1 to 'check'", 'no option "review_treshold"' }, gate.check,
      { review_treshold = 0.5 })
    expect.raises({ "#2 to 'evaluate'", "strict_mode", "boolean expected, got string" },
      gate.evaluate, {}, { strict_mode = "yes" })
    expect.raises({ "#2 to 'evaluate'", "weights.x", "number expected, got string" },
      gate.evaluate, {}, { weights = { x = "much" } })
    expect.raises({ "#2 to 'evaluate'", "table expected" }, gate.evaluate, {}, 7)
  end)
end)

describe("a signal that cannot be weighed", function()
  local function with(fields)
    return { signal "github_spike", signal("hiring_signal", fields) }
  end

  it("is named, with the field, where a value is out of bounds", function()
    for _, confidence in ipairs { 0 / 0, -0.1, 1.1, math.huge } do
      local err = expect.failure("invalid",
        gate.evaluate(with { id = 17, confidence = confidence }, { now = NOW }))
      assert.equal("confidence", err.detail.field)
      assert.equal(2, err.detail.index)
      assert.equal(17, err.detail.id)
      assert.matches("signal 2, id 17: confidence is .*, and must be from 0 to 1", tostring(err))
    end
    for _, detected_at in ipairs { "yesterday", "", "2026-13-01T00:00:00+00:00", 0 / 0 } do
      local err = expect.failure("invalid",
        gate.evaluate(with { detected_at = detected_at }, { now = NOW }))
      assert.equal("detected_at", err.detail.field)
      assert.matches("which is no time", tostring(err))
    end
  end)

  it("is named, with the field, where one is missing or of the wrong type", function()
    for field, wrong in pairs {
      signal_type = 5, source_api = {}, confidence = "0.5", detected_at = true,
    } do
      expect.raises({ "#1 to 'evaluate'", "signal 2, id 17: " .. field, "got " .. type(wrong) },
        gate.evaluate, with { id = 17, [field] = wrong })
      local signals = with { id = 17 }
      signals[2][field] = nil
      expect.raises({ "signal 2, id 17: " .. field, "got nil" }, gate.evaluate, signals)
      signals[2][field] = cjson.null
      expect.raises({ "signal 2, id 17: " .. field }, gate.evaluate, signals)
    end
    expect.raises({ "signal 1", "table expected, got string" }, gate.evaluate, { "github_spike" })
    expect.raises({ "#1 to 'evaluate'", "table expected, got nil" }, gate.evaluate)
  end)

  it("is blamed on the line that called", function()
    local fine, message = pcall(function()
      local verdict = gate.evaluate(with { confidence = "high" })
      return verdict
    end)
    assert.is_false(fine)
    assert.matches("^[^:]*gate_spec%.lua:%d+: bad argument #1 to 'evaluate'", message)
  end)
end)

describe("any company", function()
  local seed = tonumber(os.getenv "SEED") or os.time()

  local TYPES <const> = { "mystery" }
  for _, list in ipairs { gate.defaults.weights, gate.defaults.negative_multipliers } do
    for name in pairs(list) do TYPES[#TYPES + 1] = name end
  end
  table.sort(TYPES)

  local function each_company(check)
    math.randomseed(seed)
    for _ = 1, 1000 do
      local signals = {}
      for i = 1, math.random(0, 12) do
        signals[i] = signal(TYPES[math.random(#TYPES)], {
          source_api = ("abcd"):sub(math.random(4)):sub(1, 1), confidence = math.random(0, 20) / 20,
          detected_at = days_ago(math.random(-5, 400) + math.random(0, 3) / 4),
        })
      end
      check(signals, ("SEED=%d: %s"):format(seed, cjson.encode(signals)))
    end
  end

  local function reversed(list)
    local out = {}
    for i, one in ipairs(list) do out[#list + 1 - i] = one end
    return out
  end

  it("is judged the same in whatever order its signals come", function()
    each_company(function(signals, shown)
      local verdict, other = evaluate(signals), evaluate(reversed(signals))
      assert.equal(verdict.decision, other.decision, shown)
      near(verdict.score, other.score, shown)
    end)
  end)

  it("scores from 0 to 1, and not less with a better founder", function()
    each_company(function(signals, shown)
      local verdict = evaluate(signals)
      assert.is_true(verdict.score >= 0 and verdict.score <= 1, shown)
      assert.is_true(evaluate(signals, { founder_score = 0.5 }).score >= verdict.score, shown)
    end)
  end)

  it("scores not more as time goes by", function()
    each_company(function(signals, shown)
      local later = evaluate(signals, { now = NOW_SECONDS + 30 * DAY })
      assert.is_true(later.score <= evaluate(signals).score + 1e-12, shown)
    end)
  end)

  it("has each of its signals in the breakdown once", function()
    each_company(function(signals, shown)
      local b, seen = evaluate(signals).breakdown, {}
      for _, list in ipairs { b.evidence, b.superseded or {}, b.negatives or {} } do
        for _, item in ipairs(list) do
          assert.is_nil(seen[item.id], shown)
          seen[item.id] = true
        end
      end
      for _, one in ipairs(signals) do assert.is_true(seen[one.id], shown) end
    end)
  end)
end)
