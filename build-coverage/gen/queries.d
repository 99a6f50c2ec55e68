build-coverage/gen/queries.o: build-coverage/gen/queries.c \
 build-coverage/gen/queries.h host/driver/query.h
build-coverage/gen/queries.h:
host/driver/query.h:
