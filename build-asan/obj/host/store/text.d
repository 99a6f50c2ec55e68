build-asan/obj/host/store/text.o: host/store/text.c host/store/internal.h \
 host/store/store.h host/driver/driver.h host/driver/query.h host/error.h \
 host/driver/driver_calls.h build-asan/gen/queries.h host/text/buffer.h \
 host/text/iso_time.h host/text/json.h host/text/utf8.h
host/store/internal.h:
host/store/store.h:
host/driver/driver.h:
host/driver/query.h:
host/error.h:
host/driver/driver_calls.h:
build-asan/gen/queries.h:
host/text/buffer.h:
host/text/iso_time.h:
host/text/json.h:
host/text/utf8.h:
