build-asan/obj/host/store/sql.o: host/store/sql.c host/store/internal.h \
 host/store/store.h host/driver/driver.h host/driver/query.h host/error.h \
 host/driver/driver_calls.h build-asan/gen/queries.h host/text/buffer.h \
 host/text/iso_time.h
host/store/internal.h:
host/store/store.h:
host/driver/driver.h:
host/driver/query.h:
host/error.h:
host/driver/driver_calls.h:
build-asan/gen/queries.h:
host/text/buffer.h:
host/text/iso_time.h:
