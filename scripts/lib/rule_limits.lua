--- What a rule file may have and say. Both sides of the sandbox hold to it: the inner one, which
-- ends in a sentence, and signalbox.rules, which trusts nothing that comes out.
return {
  SECONDS = 1,                 -- that a file has, unless configured
  MEMORY = 32 << 20,           -- bytes of its Lua state, unless configured
  LARGEST_FILE = 64 << 10,     -- bytes
  MOST_RULES = 10000,          -- in a file
  MOST_INSTANCES = 1000,       -- of all rules of a file
  MOST_LABELS = 32,            -- of an instance
  LONGEST_NAME = 100,          -- bytes of an alert's or a label's
  LONGEST_LABEL = 512,         -- bytes of a label's value
  LONGEST_TEXT = 4096,         -- bytes of a summary and the like, filled in
  MOST_BYTES = 1 << 20,        -- of all labels and texts of a file's instances
  LARGEST_ANSWERS = 8 << 20,   -- bytes of all that a file answers at one moment, as JSON
  LARGEST_REQUEST = 1 << 20,   -- bytes of one request, as JSON
}
