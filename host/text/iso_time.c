#include "text/iso_time.h"

#include <string.h>
#include <time.h>


#define SECOND INT64_C(1000000)
#define DAY (INT64_C(86400) * SECOND)

typedef struct Date {
    int year, month, day;
} Date;

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back. Years are counted from
 * March, so that the leap day is a year's last, in eras of 400 years (146,097 days). The year is
 * not negative here, so plain division does. */
static int64_t days_from_date(Date date) {
    int year = date.year - (date.month <= 2);
    int era = year / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

static Date date_from_days(int64_t days) {
    int shifted = (int)(days + 719468);
    int era = shifted / 146097;
    int day_of_era = shifted - era * 146097;
    int of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    int month = (5 * of_year + 2) / 153;
    Date date;
    date.day = of_year - (153 * month + 2) / 5 + 1;
    date.month = month + (month < 10 ? 3 : -9);
    date.year = era * 400 + of_era + (date.month <= 2);
    return date;
}

static int month_days(int year, int month) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static void put_digits(char *out, int value, int count) {
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void iso_write(int64_t micros, char out[ISO_TIME_LENGTH + 1]) {
    int64_t days = (micros - ISO_TIME_MIN) / DAY + ISO_TIME_MIN / DAY;
    int64_t of_day = micros - days * DAY;
    int second = (int)(of_day / SECOND);
    Date date = date_from_days(days);

    memcpy(out, "0000-00-00T00:00:00.000000+00:00", ISO_TIME_LENGTH + 1);
    put_digits(out, date.year, 4);
    put_digits(out + 5, date.month, 2);
    put_digits(out + 8, date.day, 2);
    put_digits(out + 11, second / 3600, 2);
    put_digits(out + 14, second / 60 % 60, 2);
    put_digits(out + 17, second % 60, 2);
    put_digits(out + 20, (int)(of_day % SECOND), 6);
}

/* What is left of a text that is being read. */
typedef struct Cursor {
    const char *at;
    const char *end;
} Cursor;

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Exactly `count` digits. */
static bool take_number(Cursor *cursor, int count, int *value) {
    *value = 0;
    if (cursor->end - cursor->at < count)
        return false;
    for (; count > 0; count--, cursor->at++) {
        if (!is_digit(*cursor->at))
            return false;
        *value = *value * 10 + (*cursor->at - '0');
    }
    return true;
}

static bool take_byte(Cursor *cursor, char byte) {
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* Each of these gives NULL, or what is wrong. */

static const char *take_date(Cursor *cursor, int64_t *days) {
    Date date;
    if (!take_number(cursor, 4, &date.year) || !take_byte(cursor, '-') ||
        !take_number(cursor, 2, &date.month) || !take_byte(cursor, '-') ||
        !take_number(cursor, 2, &date.day))
        return "it does not begin with a date, YYYY-MM-DD";
    if (date.year == 0)
        return "the first year is 0001";
    if (date.month < 1 || date.month > 12)
        return "months are 01 to 12";
    if (date.day < 1 || date.day > month_days(date.year, date.month))
        return "that month has no such day";
    *days = days_from_date(date);
    return NULL;
}

static const char *take_fraction(Cursor *cursor, int *micros) {
    int unit = SECOND / 10;
    *micros = 0;
    if (cursor->at == cursor->end || !is_digit(*cursor->at))
        return "there are no digits behind the point";
    for (; cursor->at < cursor->end && is_digit(*cursor->at); cursor->at++) {
        *micros += (*cursor->at - '0') * unit;
        unit /= 10;
    }
    return NULL;
}

static const char *take_clock(Cursor *cursor, int64_t *of_day) {
    int hour, minute, second = 0, micros = 0;
    const char *wrong;

    if (!take_number(cursor, 2, &hour) || !take_byte(cursor, ':') ||
        !take_number(cursor, 2, &minute))
        return "no time of day HH:MM or HH:MM:SS stands behind the date";
    if (take_byte(cursor, ':')) {
        if (!take_number(cursor, 2, &second))
            return "seconds have two digits";
        if (take_byte(cursor, '.') && (wrong = take_fraction(cursor, &micros)) != NULL)
            return wrong;
    }
    if (hour > 23)
        return "hours are 00 to 23";
    if (minute > 59)
        return "minutes are 00 to 59";
    if (second > 59)
        return "seconds are 00 to 59";
    *of_day = (hour * 3600 + minute * 60 + second) * SECOND + micros;
    return NULL;
}

static const char *take_offset(Cursor *cursor, int64_t *offset) {
    int hour, minute = 0;
    bool west;

    *offset = 0;
    if (cursor->at == cursor->end || take_byte(cursor, 'Z') || take_byte(cursor, 'z'))
        return NULL;
    west = take_byte(cursor, '-');
    if (!west && !take_byte(cursor, '+'))
        return "behind the time of day only an offset can stand: Z, +hh or +hh:mm";
    if (!take_number(cursor, 2, &hour))
        return "an offset is Z, +hh or +hh:mm";
    if (cursor->at < cursor->end) {
        take_byte(cursor, ':');
        if (!take_number(cursor, 2, &minute))
            return "an offset is Z, +hh or +hh:mm";
    }
    if (hour > 23 || minute > 59)
        return "offsets go up to 23:59";
    *offset = (hour * 3600 + minute * 60) * (west ? -SECOND : SECOND);
    return NULL;
}

static const char *take_time(Cursor *cursor, int64_t *micros) {
    int64_t days, of_day = 0, offset = 0;
    const char *wrong = take_date(cursor, &days);

    if (wrong == NULL && cursor->at < cursor->end) {
        if (!take_byte(cursor, 'T') && !take_byte(cursor, ' ') && !take_byte(cursor, 't'))
            return "behind the date only T or one space can stand";
        wrong = take_clock(cursor, &of_day);
        if (wrong == NULL)
            wrong = take_offset(cursor, &offset);
    }
    if (wrong != NULL)
        return wrong;
    if (cursor->at < cursor->end)
        return "something stands behind the time";
    *micros = days * DAY + of_day - offset;
    if (*micros < ISO_TIME_MIN || *micros > ISO_TIME_MAX)
        return "in UTC it lies outside the years 0001 to 9999";
    return NULL;
}

Status iso_read(const char *field, const char *text, size_t size, int64_t *micros, Error *error) {
    Cursor cursor = {text, text + size};
    const char *wrong = take_time(&cursor, micros);
    if (wrong == NULL)
        return STATUS_OK;
    return error_invalid(error, field, "%s is not a time: \"%.*s\"%s; %s", field,
                         size > 40 ? 40 : (int)size, text, size > 40 ? "..." : "", wrong);
}

Status iso_read_seconds(const char *field, double seconds, int64_t *micros, Error *error) {
    double micros_near = seconds * (double)SECOND;
    /* Both bounds are exact as doubles, the upper one the first microsecond behind the last year;
     * not a number fails every comparison. */
    if (!(micros_near >= (double)ISO_TIME_MIN && micros_near < (double)(ISO_TIME_MAX + 1) - 0.5))
        return error_invalid(error, field,
                             "%s is not a time: %.17g; seconds since 1970 lie between the years"
                             " 0001 and 9999", field, seconds);
    *micros = (int64_t)(micros_near + (micros_near < 0 ? -0.5 : 0.5));
    return STATUS_OK;
}

double iso_seconds(int64_t micros) {
    return (double)micros / (double)SECOND;
}

int64_t iso_now(void) {
    struct timespec now = {0};
    /* Cannot fail: the clock exists and the address is good. */
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec / 1000;
}
