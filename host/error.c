#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text/utf8.h"

/* A message quotes what people and servers sent, so it is made presentable here, once: what is not
 * UTF-8 becomes `?`, line ends and other control characters a space, and a character that the end
 * of the array cut through goes. */
static void message_tidy(char *message, size_t size, bool cut) {
    size_t at = 0;
    while ((at += utf8_check(message + at, size - at)) < size) {
        if (cut && size - at < 4) {
            message[at] = '\0';
            size = at;
            break;
        }
        message[at] = '?';
    }
    for (at = 0; at < size; at++) {
        if ((unsigned char)message[at] < 0x20 || message[at] == 0x7f)
            message[at] = ' ';
    }
}

__attribute__((format(printf, 4, 0)))
static Status error_fill(Error *error, Status status, const char *field, const char *format,
                         va_list arguments) {
    char message[sizeof error->message]; /* apart, for the arguments may be `error`'s own text */
    int size;

    if (error == NULL)
        return status;
    size = vsnprintf(message, sizeof message, format, arguments);
    if (size < 0)
        message[0] = '\0';
    message_tidy(message, strlen(message), size >= (int)sizeof message);

    *error = (Error){.status = status};
    memcpy(error->message, message, sizeof message);
    if (field != NULL)
        snprintf(error->field, sizeof error->field, "%s", field);
    return status;
}

Status (error_set)(Error *error, Status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error_fill(error, status, NULL, format, arguments);
    va_end(arguments);
    return status;
}

Status (error_invalid)(Error *error, const char *field, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error_fill(error, STATUS_INVALID, field, format, arguments);
    va_end(arguments);
    return STATUS_INVALID;
}

const char *status_name(Status status) {
    switch (status) {
    case STATUS_OK: return "ok";
    case STATUS_ROW: return "row";
    case STATUS_DUPLICATE: return "duplicate";
    case STATUS_NOT_FOUND: return "not_found";
    case STATUS_INVALID: return "invalid";
    case STATUS_BUSY: return "busy";
    case STATUS_READONLY: return "readonly";
    case STATUS_FULL: return "full";
    case STATUS_IO: return "io";
    case STATUS_CORRUPT: return "corrupt";
    case STATUS_SCHEMA: return "schema";
    case STATUS_INTERRUPTED: return "interrupted";
    case STATUS_CLOSED: return "closed";
    case STATUS_CONFLICT: return "conflict";
    case STATUS_UNAVAILABLE: return "unavailable";
    case STATUS_SQL: return "sql";
    case STATUS_NO_MEMORY: return "no_memory";
    }
    return "unknown";
}
