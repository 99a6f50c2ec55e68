build-asan/gen/migrations.o: build-asan/gen/migrations.c \
 host/store/migrations.h
host/store/migrations.h:
