--- How many times longer than usual all takes, which make says of the sanitizers and valgrind: what
-- a spec allows in seconds is multiplied by it.
return tonumber(os.getenv "SIGNALBOX_SLOW" or 1)
