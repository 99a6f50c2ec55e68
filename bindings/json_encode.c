/* Lua values to JSON.
 *
 * This is on the way of every signal saved from a table, so a table costs one traversal and no
 * memory: the keys are collected as pointers into the strings that the table keeps alive, in one
 * array for all levels, and the values wait on the Lua stack. No Lua code runs here, and with it
 * nothing that could change a table. */
#include <endian.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/json.h"

enum {
    KEPT = 64,          /* values of one table that wait on the stack; others are looked up again */
    FIRST_MEMBERS = 64, /* keys of all levels together before memory is asked for */
    INSERTION_MAX = 24  /* members up to which inserting sorts faster than qsort */
};

/* A text as large as SQLite takes. Tables that share tables can be exponentially larger as text. */
#define SIZE_LIMIT ((size_t)1000000000)

typedef struct Member {
    uint64_t head;      /* the key's first 8 bytes, most significant first: decides nearly always */
    const char *key;
    size_t size;
    int value;          /* stack index, 0 where it is to be looked up */
} Member;

/* Where a value stands in the one around it, for messages. */
typedef struct Place {
    const struct Place *outer;
    const char *key;    /* NULL: an element, at `index` */
    size_t size;
    lua_Integer index;
} Place;

typedef struct Encoder {
    lua_State *L;
    Buffer *out;
    Error *error;
    const char *field;
    const void *array_metatable;
    Member *members;
    size_t count;
    size_t capacity;
    int box;            /* stack index of the userdata that holds `members`, once they are many */
    int depth;
} Encoder;

static Status encode_value(Encoder *encoder, int index, const Place *place);

/* ==== Messages ==== */

static bool is_name(const char *key, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bool letter = (key[i] | 0x20) >= 'a' && (key[i] | 0x20) <= 'z';
        if (!letter && key[i] != '_' && !(i > 0 && key[i] >= '0' && key[i] <= '9'))
            return false;
    }
    return size > 0;
}

/* `field.owner["first name"][3]`, cut at the outer end where it does not fit. */
static void place_write(const Place *place, const char *field, char *out, size_t size) {
    char step[80];
    char *at = out + size - 1;
    size_t length = strlen(field);

    *at = '\0';
    for (; place != NULL; place = place->outer) {
        int shown = place->size > 60 ? 60 : (int)place->size;
        if (place->key == NULL)
            snprintf(step, sizeof step, "[%lld]", (long long)place->index);
        else if (is_name(place->key, place->size))
            snprintf(step, sizeof step, ".%.*s", shown, place->key);
        else
            snprintf(step, sizeof step, "[\"%.*s\"]", shown, place->key);
        if ((size_t)(at - out) < strlen(step) + length + 3)
            break;
        at -= strlen(step);
        memcpy(at, step, strlen(step));
    }
    if (place != NULL) {
        at -= 3;
        memcpy(at, "...", 3);
    }
    memmove(out + length, at, strlen(at) + 1);
    memcpy(out, field, length);
}

static Status encode_fail(Encoder *encoder, const Place *place, const char *problem) {
    char path[128];
    place_write(place, encoder->field, path, sizeof path);
    error_set(encoder->error, STATUS_INVALID, "%s %s", path, problem);
    snprintf(encoder->error->field, sizeof encoder->error->field, "%s", encoder->field);
    return STATUS_INVALID;
}

static Status encode_fail_type(Encoder *encoder, int index, const Place *place) {
    char problem[96];
    int type = lua_type(encoder->L, index);
    const char *name = lua_typename(encoder->L, type);
    if (type == LUA_TNIL)
        snprintf(problem, sizeof problem, "is nil; JSON has null, which is signalbox.null");
    else
        snprintf(problem, sizeof problem, "is a %s, which JSON cannot hold", name);
    return encode_fail(encoder, place, problem);
}

/* ==== Members, sorted by the bytes of their keys ==== */

static uint64_t key_head(const char *key, size_t size) {
    uint64_t head = 0;
    if (size >= sizeof head) {
        memcpy(&head, key, sizeof head);
        return be64toh(head);
    }
    for (size_t i = 0; i < size; i++)
        head |= (uint64_t)(unsigned char)key[i] << (56 - 8 * i);
    return head;
}

static inline bool member_before(const Member *a, const Member *b) {
    size_t shorter = a->size < b->size ? a->size : b->size;
    int order;
    if (a->head != b->head)
        return a->head < b->head;
    order = memcmp(a->key, b->key, shorter);
    return order != 0 ? order < 0 : a->size < b->size;
}

static int member_compare(const void *a, const void *b) {
    return member_before(a, b) ? -1 : member_before(b, a);
}

static void members_sort(Member *members, size_t count) {
    if (count > INSERTION_MAX) {
        qsort(members, count, sizeof *members, member_compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        Member member = members[i];
        size_t to = i;
        for (; to > 0 && member_before(&member, &members[to - 1]); to--)
            members[to] = members[to - 1];
        members[to] = member;
    }
}

static void members_grow(Encoder *encoder) {
    size_t capacity = encoder->capacity * 2;
    Member *members = lua_newuserdatauv(encoder->L, capacity * sizeof *members, 0);
    memcpy(members, encoder->members, encoder->count * sizeof *members);
    lua_replace(encoder->L, encoder->box);
    encoder->members = members;
    encoder->capacity = capacity;
}

/* Adds the member whose key and value are on top of the stack, and leaves the key there. */
static void members_add(Encoder *encoder, bool keep) {
    lua_State *L = encoder->L;
    Member *member;

    if (encoder->count == encoder->capacity)
        members_grow(encoder);
    member = &encoder->members[encoder->count++];
    member->key = lua_tolstring(L, -2, &member->size);
    member->head = key_head(member->key, member->size);
    member->value = keep ? lua_gettop(L) : 0;
    if (keep)
        lua_pushvalue(L, -2);
    else
        lua_pop(L, 1);
}

/* ==== Tables ==== */

/* What a traversal found. */
typedef struct Shape {
    size_t members;     /* with text keys; they are the encoder's last ones */
    lua_Integer elements;
    lua_Integer highest;
    bool other;         /* there is a key of another kind */
} Shape;

static Shape table_scan(Encoder *encoder, int table) {
    lua_State *L = encoder->L;
    Shape shape = {0};

    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            members_add(encoder, shape.members < KEPT);
            shape.members++;
        } else {
            lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
            shape.other |= key < 1;
            shape.elements++;
            if (key > shape.highest)
                shape.highest = key;
            lua_pop(L, 1);
        }
    }
    return shape;
}

static Status encode_elements(Encoder *encoder, int table, lua_Integer count, const Place *place) {
    lua_State *L = encoder->L;
    Place inner = {.outer = place};

    buffer_append_byte(encoder->out, '[');
    for (inner.index = 1; inner.index <= count; inner.index++) {
        Status status;
        if (inner.index > 1)
            buffer_append_byte(encoder->out, ',');
        lua_rawgeti(L, table, inner.index);
        status = encode_value(encoder, lua_gettop(L), &inner);
        if (status != STATUS_OK)
            return status;
        lua_pop(L, 1);
    }
    buffer_append_byte(encoder->out, ']');
    return STATUS_OK;
}

static Status encode_member(Encoder *encoder, int table, const Member *member, const Place *place) {
    lua_State *L = encoder->L;
    Place inner = {.outer = place, .key = member->key, .size = member->size};
    int value = member->value;
    Status status;

    if (json_write_string(encoder->out, member->key, member->size) < member->size)
        return encode_fail(encoder, &inner, "has a key that is not UTF-8 text without NUL");
    buffer_append_byte(encoder->out, ':');
    if (value != 0)
        return encode_value(encoder, value, &inner);
    lua_pushlstring(L, member->key, member->size);
    lua_rawget(L, table);
    status = encode_value(encoder, lua_gettop(L), &inner);
    lua_pop(L, 1);
    return status;
}

static Status encode_members(Encoder *encoder, int table, size_t count, const Place *place) {
    size_t first = encoder->count - count;

    members_sort(encoder->members + first, count);
    buffer_append_byte(encoder->out, '{');
    for (size_t i = 0; i < count; i++) {
        Member member = encoder->members[first + i]; /* the array moves when it grows */
        Status status;
        if (i > 0)
            buffer_append_byte(encoder->out, ',');
        status = encode_member(encoder, table, &member, place);
        if (status != STATUS_OK)
            return status;
    }
    buffer_append_byte(encoder->out, '}');
    encoder->count = first;
    return STATUS_OK;
}

/* Whether the table was marked as an array. One that answers `pairs` itself, as a proxy does, has
 * not in it what it seems to have: that is an error rather than a loss in silence. */
static Status table_marked(Encoder *encoder, int table, const Place *place, bool *marked) {
    lua_State *L = encoder->L;
    int type;

    *marked = false;
    if (!lua_getmetatable(L, table))
        return STATUS_OK;
    *marked = lua_topointer(L, -1) == encoder->array_metatable;
    lua_pop(L, 1);
    if (*marked)
        return STATUS_OK;
    type = luaL_getmetafield(L, table, "__pairs");
    if (type == LUA_TNIL)
        return STATUS_OK;
    lua_pop(L, 1);
    return encode_fail(encoder, place,
                       "is an object with __pairs; copy its fields to a plain table");
}

static Status encode_table(Encoder *encoder, int table, const Place *place) {
    lua_State *L = encoder->L;
    bool marked;
    Shape shape;
    Status status;

    if (encoder->depth == JSON_MAX_DEPTH)
        return encode_fail(encoder, place, "is nested more than 1000 deep, or contains itself");
    if (encoder->out->size > SIZE_LIMIT)
        return encode_fail(encoder, place, "makes the text larger than 1,000,000,000 bytes");
    luaL_checkstack(L, 2 * KEPT + 8, "table nested too deeply");
    status = table_marked(encoder, table, place, &marked);
    if (status != STATUS_OK)
        return status;

    encoder->depth++;
    shape = table_scan(encoder, table);
    if (shape.elements > 0 && shape.members > 0)
        status = encode_fail(encoder, place, "has both text keys and others");
    else if (shape.other)
        status = encode_fail(encoder, place, "has a key that is neither text nor 1 to n");
    else if (shape.highest != shape.elements)
        status =
            encode_fail(encoder, place, "is an array with holes; fill them with signalbox.null");
    else if (marked && shape.members > 0)
        status = encode_fail(encoder, place, "is marked as an array but has text keys");
    else if (marked || shape.elements > 0)
        status = encode_elements(encoder, table, shape.elements, place);
    else
        status = encode_members(encoder, table, shape.members, place);
    encoder->depth--;
    return status;
}

/* ==== Values ==== */

static Status encode_number(Encoder *encoder, int index, const Place *place) {
    lua_State *L = encoder->L;
    lua_Number number;

    if (lua_isinteger(L, index)) {
        json_write_integer(encoder->out, lua_tointeger(L, index));
        return STATUS_OK;
    }
    number = lua_tonumber(L, index);
    if (!isfinite(number))
        return encode_fail(encoder, place, isnan(number) ? "is not a number, which JSON cannot hold"
                                                         : "is infinite, which JSON cannot hold");
    json_write_double(encoder->out, number);
    return STATUS_OK;
}

static Status encode_string(Encoder *encoder, int index, const Place *place) {
    size_t size;
    const char *text = lua_tolstring(encoder->L, index, &size);
    size_t wrong = json_write_string(encoder->out, text, size);
    char problem[96];

    if (wrong == size)
        return STATUS_OK;
    snprintf(problem, sizeof problem, "is not UTF-8 text without NUL: byte %zu is 0x%02x",
             wrong + 1,
             (unsigned char)text[wrong]);
    return encode_fail(encoder, place, problem);
}

/* Leaves the stack as high as it was, but for tables: their values are dropped with the level. */
static Status encode_value(Encoder *encoder, int index, const Place *place) {
    lua_State *L = encoder->L;
    int top = lua_gettop(L);
    Status status;

    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return encode_string(encoder, index, place);
    case LUA_TNUMBER:
        return encode_number(encoder, index, place);
    case LUA_TBOOLEAN:
        buffer_append_text(encoder->out, lua_toboolean(L, index) ? "true" : "false");
        return STATUS_OK;
    case LUA_TTABLE:
        status = encode_table(encoder, index, place);
        lua_settop(L, top);
        return status;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) == NULL) {
            buffer_append(encoder->out, "null", 4);
            return STATUS_OK;
        }
        return encode_fail_type(encoder, index, place);
    default:
        return encode_fail_type(encoder, index, place);
    }
}

Status json_encode(lua_State *L, int index, const char *field, Buffer *out, Error *error) {
    Member members[FIRST_MEMBERS];
    Encoder encoder = {.L = L, .out = out, .error = error, .field = field, .members = members,
                       .capacity = FIRST_MEMBERS};
    size_t begun = out->size;
    int top = lua_gettop(L);
    Status status;

    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, NULL);
    luaL_getmetatable(L, ARRAY_METATABLE);
    encoder.array_metatable = lua_topointer(L, -1);
    encoder.box = top + 1; /* the metatable is kept by the registry: its place serves */
    status = encode_value(&encoder, index, NULL);
    if (status == STATUS_OK && out->failed)
        status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
    if (status != STATUS_OK)
        out->size = begun;
    lua_settop(L, top);
    return status;
}
