build-fuzz/gen/migrations.o: build-fuzz/gen/migrations.c \
  host/store/migrations.h

host/store/migrations.h:
