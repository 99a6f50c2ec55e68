-- Makes C and assembler files of what the program carries in itself; run by the Makefile.
--
--   lua5.4 embed.lua queries    OUT.h OUT.c FILE.sql...
--   lua5.4 embed.lua migrations OUT.c FILE.up.sql FILE.down.sql...
--   lua5.4 embed.lua scripts    OUT.S OUT.bin ROOT FILE.lua...
--
-- What is wrong in a source stops the build, as FILE:LINE: what.

local FIRST_MIGRATION <const> = 1001

local function fail(where, ...)
  io.stderr:write(where, ": ", string.format(...), "\n")
  os.exit(1, true)
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

--- `text` as a C string literal, a source line a line, octal where a byte isn't plain ASCII.
local function literal(text)
  local lines = {}
  for line in text:gmatch "[^\n]*\n?" do
    if line ~= "" then
      local escaped = line:gsub('[%c"\\?\x7f-\xff]', function(c)
        return c == "\n" and "\\n" or string.format("\\%03o", c:byte())
      end)
      lines[#lines + 1] = '    "' .. escaped .. '"'
    end
  end
  return table.concat(lines, "\n")
end

--- SQL without its comments and blank lines; texts and quoted names are left alone.
local function strip_comments(sql)
  local out, at = {}, 1
  while at <= #sql do
    local start = sql:find("['\"%-/]", at) or #sql + 1
    out[#out + 1] = sql:sub(at, start - 1)
    local two, quote = sql:sub(start, start + 1), sql:match("^['\"]", start)
    local finish
    if quote then
      finish = sql:find(quote, start + 1, true) or #sql
      out[#out + 1] = sql:sub(start, finish)
    elseif two == "--" then
      finish = (sql:find("\n", start, true) or #sql + 1) - 1
    elseif two == "/*" then
      finish = select(2, sql:find("*/", start + 2, true)) or #sql
    else
      finish = start
      out[#out + 1] = sql:sub(start, start)
    end
    at = finish + 1
  end
  local text = table.concat(out):gsub("[ \t]+\n", "\n"):gsub("\n\n+", "\n")
  return (text:gsub("^%s+", ""):gsub("[%s;]+$", ""))
end

--- Adds the paragraphs of one file to `queries`: name -> {shared = sql, postgresql = sql}.
local function read_queries(path, queries)
  local current, number = nil, 0

  local function finish()
    if not current then return end
    local sql = strip_comments(table.concat(current.lines, "\n"))
    if sql == "" then fail(current.where, "query '%s' has no text", current.name) end
    local query = queries[current.name] or {}
    if query[current.dialect] then
      fail(current.where, "query '%s' stands already at %s", current.name,
        query[current.dialect].where)
    end
    query[current.dialect] = { sql = sql, where = current.where }
    queries[current.name] = query
  end

  for line in (read(path) .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local heading = line:match "^%-%-%s*name:%s*(.-)%s*$"
    if heading then
      finish()
      local where = path .. ":" .. number
      local name, dialect = heading:match "^([%l][%l%d_]*)%s*@?(%l*)$"
      if not name or (dialect ~= "" and dialect ~= "postgresql") then
        fail(where, "expected '-- name: lower_case_name' or '... @postgresql', found '%s'", heading)
      end
      current = { name = name, dialect = dialect == "" and "shared" or dialect,
        where = where, lines = {} }
    elseif current then
      current.lines[#current.lines + 1] = line
    elseif line:find "%S" and not line:find "^%s*%-%-" then
      fail(path .. ":" .. number, "text before the first '-- name:'")
    end
  end
  finish()
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local QUERY <const> = [[

const Query query_%s = {
    "%s",
%s,
%s,
    %d,
};
]]

local QUERY_ALL <const> = [[

const Query *const query_all[] = {
%s    NULL,
};
]]

local function embed_queries(header_path, source_path, ...)
  local queries = {}
  for _, path in ipairs { ... } do read_queries(path, queries) end
  local names = sorted_keys(queries)

  local header = { '/* Made of the files in host/queries; see host/driver/query.h. */\n#ifndef ' ..
    'SIGNALBOX_GEN_QUERIES_H\n#define SIGNALBOX_GEN_QUERIES_H\n\n#include "driver/query.h"\n\n' ..
    '#define QUERY_COUNT ' .. #names .. '\nextern const Query *const query_all[];\n\n' }
  local source = { '#include "gen/queries.h"\n\n#include <stddef.h>\n' }
  local all = {}
  for slot, name in ipairs(names) do
    local query = queries[name]
    if not query.shared then
      fail(query.postgresql.where, "query '%s' has a text for @postgresql alone", name)
    end
    header[#header + 1] = "extern const Query query_" .. name .. ";\n"
    source[#source + 1] = string.format(QUERY, name, name, literal(query.shared.sql),
      query.postgresql and literal(query.postgresql.sql) or "    NULL", slot - 1)
    all[slot] = "    &query_" .. name .. ",\n"
  end
  header[#header + 1] = "\n#endif\n"
  source[#source + 1] = string.format(QUERY_ALL, table.concat(all))
  write(header_path, table.concat(header))
  write(source_path, table.concat(source))
end

--- Of the two files of a step, one behind the other.
local function sha256(up, down)
  local pipe <close> = assert(io.popen("cat '" .. up .. "' '" .. down .. "' | sha256sum"))
  local sum = pipe:read "a":match "^%x+"
  return sum and #sum == 64 and sum or fail(up, "sha256sum gave no checksum")
end

local function embed_migrations(source_path, ...)
  local steps = {}
  for _, path in ipairs { ... } do
    local version, name, direction = path:match "([0-9]+)_([%w_]+)%.(%l+)%.sql$"
    if not version or (direction ~= "up" and direction ~= "down") then
      fail(path, "a migration is called NNNN_name.up.sql or NNNN_name.down.sql")
    end
    local step = steps[tonumber(version)] or { name = name }
    if step[direction] or step.name ~= name then
      fail(path, "version %s stands already as %s", version, step.up or step.down)
    end
    step[direction] = path
    steps[tonumber(version)] = step
  end

  local source = { '#include "store/migrations.h"\n\nconst Migration migrations[] = {\n' }
  local expected = FIRST_MIGRATION
  for _, version in ipairs(sorted_keys(steps)) do
    local step = steps[version]
    local where = step.up or step.down
    if version ~= expected then fail(where, "expected version %d next, a gap", expected) end
    if not step.up then fail(where, "has no .up.sql beside it") end
    if not step.down then fail(where, "has no .down.sql beside it") end
    source[#source + 1] = string.format('    {%d, "%s",\n%s,\n%s,\n    "%s"},\n', version,
      step.name, literal(read(step.up)), literal(read(step.down)), sha256(step.up, step.down))
    expected = expected + 1
  end
  if expected == FIRST_MIGRATION then source[#source + 1] = "    {0},\n" end
  source[#source + 1] = string.format("};\n\nconst int migration_count = %d;\n",
    expected - FIRST_MIGRATION)
  write(source_path, table.concat(source))
end

local function embed_scripts(assembler_path, binary_path, root, ...)
  local paths, others, chunks, offset = {}, {}, {}, 0
  local rows, strings = {}, {}
  for _, path in ipairs { ... } do
    local own = path:sub(1, #root + 1) == root .. "/"
    local name = own and path:sub(#root + 2) or "lib/" .. path:match "[^/]*$" -- a library of others
    name = name:gsub("%.lua$", "")
    paths[name], others[name] = path, not own
  end
  local names = sorted_keys(paths)
  for i, name in ipairs(names) do
    local text = read(paths[name]):gsub("^#[^\n]*", "")
    local chunk, problem = load(text, "=" .. root .. "/" .. name .. ".lua", "t")
    if not chunk then
      io.stderr:write(problem, "\n")
      os.exit(1, true)
    end
    chunks[i] = string.dump(chunk, others[name]) -- nobody looks for lines in those
    strings[i] = string.format('name%d: .asciz "%s"\n', i, name)
    rows[i] = string.format("    .quad name%d, data + %d, %d\n", i, offset, #chunks[i])
    offset = offset + #chunks[i]
  end
  write(binary_path, table.concat(chunks))
  write(assembler_path, table.concat {
    '    .section .rodata\ndata: .incbin "', binary_path, '"\n', table.concat(strings),
    "    .balign 8\n    .globl embedded_script_count\n    .hidden embedded_script_count\n",
    "    .type embedded_script_count, @object\n    .size embedded_script_count, 8\n",
    "embedded_script_count: .quad ", tostring(#names), "\n",
    '    .section .data.rel.ro, "aw"\n    .balign 8\n    .globl embedded_scripts\n',
    "    .hidden embedded_scripts\n    .type embedded_scripts, @object\n",
    "embedded_scripts:\n", table.concat(rows), "    .quad 0, 0, 0\n",
    "    .size embedded_scripts, . - embedded_scripts\n",
    '    .section .note.GNU-stack, "", @progbits\n',
  })
end

local commands = {
  queries = embed_queries,
  migrations = embed_migrations,
  scripts = embed_scripts,
}
commands[arg[1]](table.unpack(arg, 2))
