build-fuzz/gen/queries.o: build-fuzz/gen/queries.c \
  build-fuzz/gen/queries.h host/driver/query.h

build-fuzz/gen/queries.h:

host/driver/query.h:
