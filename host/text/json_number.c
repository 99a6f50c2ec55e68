/* Numbers between decimal text and doubles, without the locale: what C's own functions write for
 * the point depends on it, and scripts may set it. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

/* Ten to these powers is exact in a double, and so are whole numbers to 2^53: one multiplication or
 * division of the two rounds once, and so correctly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum {
    LAST_POWER = 22,
    /* No double, nor any point half-way between two, has more significant digits than 767. Of a
     * longer text only whether the rest is zero matters: one more digit says that. */
    MAX_DIGITS = 770,
    MAX_EXPONENT = 100000
};

typedef struct Decimal {
    char digits[MAX_DIGITS + 1];
    int count;          /* of digits, the first of which is not 0 */
    int64_t exponent;   /* the value is 0.DIGITS x 10^exponent */
} Decimal;

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static void decimal_add(Decimal *decimal, char digit) {
    if (decimal->count < MAX_DIGITS)
        decimal->digits[decimal->count++] = digit;
    else if (digit != '0')
        decimal->digits[MAX_DIGITS - 1] |= 1; /* an even digit made odd: no longer a tie */
}

static int64_t read_exponent(const char *at, const char *end) {
    bool negative = *at == '-';
    int64_t value = 0;
    for (at += *at == '-' || *at == '+'; at < end; at++) {
        if (value < INT64_MAX / 20)
            value = value * 10 + (*at - '0');
    }
    return negative ? -value : value;
}

static void decimal_read(Decimal *decimal, const char *at, const char *end) {
    bool fraction = false;

    decimal->count = 0;
    decimal->exponent = 0;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
        } else if (*at == '0' && decimal->count == 0) {
            decimal->exponent -= fraction;
        } else {
            decimal->exponent += !fraction;
            decimal_add(decimal, *at);
        }
    }
    if (at < end)
        decimal->exponent += read_exponent(at + 1, end);
}

static double decimal_value(const Decimal *decimal) {
    char text[MAX_DIGITS + 32];
    int64_t exponent = decimal->exponent - decimal->count;

    if (decimal->count == 0)
        return 0;
    if (exponent > MAX_EXPONENT)
        exponent = MAX_EXPONENT;
    if (exponent < -MAX_EXPONENT)
        exponent = -MAX_EXPONENT;
    snprintf(text, sizeof text, "%.*se%d", decimal->count, decimal->digits, (int)exponent);
    return strtod(text, NULL); /* the text has no point, so no locale matters */
}

static double decimal_parse(const char *text, const char *end) {
    Decimal decimal;
    uint64_t whole = 0;
    int64_t exponent;

    decimal_read(&decimal, text, end);
    exponent = decimal.exponent - decimal.count;
    if (decimal.count > 19 || exponent < -LAST_POWER || exponent > LAST_POWER)
        return decimal_value(&decimal);
    for (int i = 0; i < decimal.count; i++)
        whole = whole * 10 + (uint64_t)(decimal.digits[i] - '0');
    if (whole > UINT64_C(1) << 53)
        return decimal_value(&decimal);
    return exponent < 0 ? (double)whole / powers[-exponent] : (double)whole * powers[exponent];
}

double json_token_double(const JsonToken *token) {
    const char *end = token->text + token->size;
    const char *at = token->text + (token->text[0] == '-');
    double value;

    if (token->kind == JSON_INTEGER)
        return (double)token->integer;
    if (*at == 'N')
        return NAN;
    value = *at == 'I' ? INFINITY : decimal_parse(at, end);
    return at == token->text ? value : -value;
}

void json_write_integer(Buffer *out, int64_t value) {
    char text[24];
    char *at = text + sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    buffer_append(out, at, (size_t)(text + sizeof text - at));
}

/* The shortest digits of a positive number, as the value DIGITS x 10^exponent. */
typedef struct Shortest {
    char digits[24];
    int count;
    int exponent;
} Shortest;

/* 15 to 17 digits of a number of usual size, in whole numbers: a double is m x 2^-down, so its
 * digits are m x 10^scale / 2^down, which 128 bits hold. They read back where they miss the double
 * by less than half of its last bit. (Just above a power of two only a quarter is sure.) */
static bool shortest_by_integers(Shortest *shortest, double value) {
#ifdef __SIZEOF_INT128__
    static const double below[] = {1e-1, 1e-2, 1e-3, 1e-4};
    uint64_t bits, mantissa, digits = 0;
    int down, scale = 0, point = 0;
    char *at = shortest->digits + sizeof shortest->digits;

    if (value < 1e-5 || value >= 1e15)
        return false;
    while (value >= powers[point])
        point++;
    if (value < 1) {
        while (point > -4 && value < below[-point]) /* NOLINT: below 1, point is not above 0 */
            point--;
    }
    memcpy(&bits, &value, sizeof bits);
    mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    down = 1075 - (int)(bits >> 52);
    for (int precision = 15; precision <= 17; precision++) {
        unsigned __int128 power, exact, missed;
        scale = precision - point;
        power = 1;
        for (int i = 0; i < scale; i++)
            power *= 10;
        exact = mantissa * power;
        digits = (uint64_t)((exact + ((unsigned __int128)1 << (down - 1))) >> down);
        missed = (unsigned __int128)digits << down;
        missed = missed > exact ? missed - exact : exact - missed;
        if (missed * (mantissa == UINT64_C(1) << 52 ? 4 : 2) < power)
            break;
    }
    for (; digits % 10 == 0; digits /= 10)
        scale--;
    for (; digits > 0; digits /= 10)
        *--at = (char)('0' + digits % 10);
    shortest->count = (int)(shortest->digits + sizeof shortest->digits - at);
    memmove(shortest->digits, at, (size_t)shortest->count);
    shortest->exponent = -scale;
    return true;
#else
    (void)shortest;
    (void)value;
    return false;
#endif
}

/* The same for any number, by asking C: 15 digits where they suffice, else 16, else 17, which
 * always do. Only numbers too small for all their bits can do with fewer than 15. */
static void shortest_by_trial(Shortest *shortest, double value) {
    for (int precision = value < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
        char text[64]; /* d.ddde+xxx, whatever the locale has for the point */
        char *at = text;
        snprintf(text, sizeof text, "%.*e", precision, value);
        shortest->count = 0;
        for (; *at != 'e'; at++) {
            if (is_digit(*at))
                shortest->digits[shortest->count++] = *at;
        }
        shortest->exponent = (int)read_exponent(at + 1, at + strlen(at)) - precision;
        snprintf(text, sizeof text, "%.*se%d", shortest->count, shortest->digits,
                 shortest->exponent);
        if (precision == 16 || strtod(text, NULL) == value)
            break;
    }
}

static void append_zeros(Buffer *out, int count) {
    while (count-- > 0)
        buffer_append_byte(out, '0');
}

/* As the predecessor wrote them: plain from 0.0001 to below 10^16, else with an exponent of two
 * digits or more. */
static void shortest_write(Buffer *out, const Shortest *shortest) {
    const char *digits = shortest->digits;
    int count = shortest->count;
    int point = count + shortest->exponent; /* digits before the point */
    char exponent[16];

    if (point > 0 && point <= 16) {
        int whole = count < point ? count : point;
        buffer_append(out, digits, (size_t)whole);
        append_zeros(out, point - whole);
        buffer_append_byte(out, '.');
        if (count > point)
            buffer_append(out, digits + point, (size_t)(count - point));
        else
            buffer_append_byte(out, '0');
    } else if (point > -4 && point <= 0) {
        buffer_append(out, "0.", 2);
        append_zeros(out, -point);
        buffer_append(out, digits, (size_t)count);
    } else {
        buffer_append_byte(out, digits[0]);
        if (count > 1) {
            buffer_append_byte(out, '.');
            buffer_append(out, digits + 1, (size_t)(count - 1));
        }
        snprintf(exponent, sizeof exponent, "e%c%02d", point > 0 ? '+' : '-', abs(point - 1));
        buffer_append_text(out, exponent);
    }
}

void json_write_double(Buffer *out, double value) {
    Shortest shortest;

    if (signbit(value))
        buffer_append_byte(out, '-');
    value = fabs(value);
    if (value == 0) {
        buffer_append(out, "0.0", 3);
        return;
    }
    if (!shortest_by_integers(&shortest, value))
        shortest_by_trial(&shortest, value);
    while (shortest.count > 1 && shortest.digits[shortest.count - 1] == '0') {
        shortest.count--;
        shortest.exponent++;
    }
    shortest_write(out, &shortest);
}
