local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

describe("a driver", function()
  it("does what host/driver/driver.h promises", function()
    local folder = temp.folder()
    local program = folder .. "/driver"
    assert(os.execute(string.format("gcc -std=c17 -Wall -Wextra -Werror -D_GNU_SOURCE %s -I%s/host "
      .. "-o %s %s/spec/conformance/driver.c %s/libsignalbox.a -lsqlite3 -lpthread -lm",
      paths.build:find "asan" and "-fsanitize=address,undefined" or "", paths.root, program,
      paths.root, paths.build)))
    local result = run.program(program, { folder .. "/%d.db" })
    assert.equal("20 checks, 0 failures\n", result.out, result.err)
  end)
end)
