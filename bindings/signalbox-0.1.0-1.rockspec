-- `luarocks make bindings/signalbox-0.1.0-1.rockspec` in the top folder: the module and its libraries for a stock Lua 5.4.
rockspec_format = "3.0"
package = "signalbox"
version = "0.1.0-1"
source = { url = "." } -- what lies in the folder it is called in
description = {
  summary = "A store of signals about companies, on SQLite",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.4, < 5.5", "argparse >= 0.7", "lua-cjson >= 2.1" }
external_dependencies = {
  SQLITE = { header = "sqlite3.h", library = "sqlite3" },
  CURL = { header = "curl/curl.h", library = "curl" },
}
build = {
  type = "command",
  build_command = "make all LUA_CFLAGS=-I$(LUA_INCDIR)",
  install_command = "mkdir -p $(LIBDIR)/signalbox $(LUADIR)/signalbox $(BINDIR) && "
    .. "cp build/signalbox $(BINDIR) && cp build/signalbox.so $(LIBDIR) && "
    .. "cp build/lib/signalbox/*.so $(LIBDIR)/signalbox && cp scripts/lib/*.lua $(LUADIR)/signalbox",
}
