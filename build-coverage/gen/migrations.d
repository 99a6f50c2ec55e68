build-coverage/gen/migrations.o: build-coverage/gen/migrations.c \
 host/store/migrations.h
host/store/migrations.h:
