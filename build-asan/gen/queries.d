build-asan/gen/queries.o: build-asan/gen/queries.c \
 build-asan/gen/queries.h host/driver/query.h
build-asan/gen/queries.h:
host/driver/query.h:
