/* signalbox.smtp: one mail by SMTP, over libcurl, in a module of its own that is loaded when the
 * first mail goes out.
 *
 *     local smtp = require "signalbox.smtp"
 *     local sent, problem, code = smtp.send {
 *       url = "smtp://mail.example.com:587",     -- or smtps://
 *       from = "box@example.com", to = { "a@example.com", "b@example.com" },
 *       message = text,                          -- headers and body, lines ending in CRLF
 *       user =, password =, ca_file =, timeout = 30,
 *     }
 *
 * It blocks, and Ctrl-C ends it. smtp:// turns to TLS where the server offers it, and goes no
 * further without where the host isn't this machine. The certificate is looked at, but for a server
 * on this machine that is told no password: the stock one of a mail server is signed by nobody, and
 * there is nobody in between. `code` is the server's last reply, 0 where there was none: 4xx is
 * worth another try, 5xx is not.
 *
 * One address that the server refuses doesn't keep the mail from the others: `true, refused` then,
 * a table of the server's answers by address. */
#include <curl/curl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bindings/modules/http/url.h"

#define MAIL_METATABLE "signalbox.mail"
#define DEFAULT_TIMEOUT 30.0
#define LONGEST_ADDRESS 320
#define LONGEST_ANSWER 200

typedef struct Mail {
    lua_State *L;
    CURL *easy;
    struct curl_slist *recipients;
    const char *message;
    size_t size, sent;
    bool broken;                   /* Lua raised while curl ran: the error is on top of the stack */
    struct curl_slist *refused;    /* an address, and the answer to it, by turns */
    char address[LONGEST_ADDRESS]; /* of the command that went out last, if one stood there */
    char said[CURL_ERROR_SIZE];
} Mail;

int luaopen_signalbox_smtp(lua_State *L);

/* ---- what curl asks -------------------------------------------------------------------------- */

static size_t give_message(char *to, size_t one, size_t room, void *context) {
    Mail *mail = context;
    size_t left = mail->size - mail->sent;
    size_t size = one * room < left ? one * room : left;
    memcpy(to, mail->message + mail->sent, size);
    mail->sent += size;
    return size;
}

/* Runs a little Lua, so that an interrupt that waits for some is seen. Its error must not leave
 * through curl: it is kept, and raised once curl has come back. */
static int look_for_interrupt(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
                              curl_off_t d) {
    Mail *mail = context;
    (void)a, (void)b, (void)c, (void)d;
    lua_pushvalue(mail->L, lua_upvalueindex(1));
    mail->broken = lua_pcall(mail->L, 0, 0, 0) != LUA_OK;
    return mail->broken;
}

static bool append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer) *list = longer;
    return longer != NULL;
}

/* Listens to the conversation, for curl tells nobody which address was refused. */
static int overhear(CURL *easy, curl_infotype type, char *data, size_t size, void *context) {
    Mail *mail = context;
    char line[LONGEST_ANSWER + LONGEST_ADDRESS];
    (void)easy;
    if (type != CURLINFO_HEADER_OUT && type != CURLINFO_HEADER_IN) {
        return 0;
    }
    snprintf(line, sizeof line, "%.*s", (int)size, data);
    line[strcspn(line, "\r\n")] = '\0';
    if (type == CURLINFO_HEADER_OUT) {
        mail->address[0] = '\0';
        sscanf(line, "RCPT TO:<%319[^>]>", mail->address);
    } else if (mail->address[0] && (line[0] == '4' || line[0] == '5')) {
        line[LONGEST_ANSWER] = '\0';
        if (append(&mail->refused, mail->address)) append(&mail->refused, line);
        mail->address[0] = '\0'; /* the first line of an answer is enough */
    }
    return 0;
}

/* ---- the options ----------------------------------------------------------------------------- */

/* A control character in an address would go out as a command of its own. */
static const char *check_line(lua_State *L, const char *text, size_t size, const char *name) {
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 127) {
            luaL_error(L, "smtp.send: %s has a control character in it", name);
        }
    }
    return text;
}

/* The field of the table at 1; it stays on the stack. */
static const char *get_line(lua_State *L, const char *name, bool required) {
    size_t size;
    int type = lua_getfield(L, 1, name);
    if (type == LUA_TNIL && !required) {
        return NULL;
    }
    if (type != LUA_TSTRING) {
        luaL_error(L, "smtp.send: %s must be a string", name);
    }
    const char *text = lua_tolstring(L, -1, &size);
    return check_line(L, text, size, name);
}

static void add_recipient(lua_State *L, Mail *mail) {
    size_t size;
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "smtp.send: an address in `to` must be a string");
    }
    const char *address = lua_tolstring(L, -1, &size);
    if (!append(&mail->recipients, check_line(L, address, size, "to"))) {
        luaL_error(L, "not enough memory");
    }
    lua_pop(L, 1);
}

static void read_recipients(lua_State *L, Mail *mail) {
    if (lua_getfield(L, 1, "to") == LUA_TTABLE) {
        int list = lua_gettop(L);
        lua_Integer count = (lua_Integer)lua_rawlen(L, list);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, list, i);
            add_recipient(L, mail);
        }
    } else {
        lua_pushvalue(L, -1);
        add_recipient(L, mail);
    }
    luaL_argcheck(L, mail->recipients != NULL, 1, "`to` names nobody");
}

static void read_message(lua_State *L, Mail *mail) {
    if (lua_getfield(L, 1, "message") != LUA_TSTRING) {
        luaL_error(L, "smtp.send: message must be a string");
    }
    mail->message = lua_tolstring(L, -1, &mail->size);
}

/* Whether what is sent there stays in this machine. */
static bool is_local(const char *url) {
    char web[1024];
    const char *rest = strstr(url, "://");
    snprintf(web, sizeof web, "http%s", rest ? rest : "");
    return url_is_private(web); /* without TLS, that is */
}

#define SET(option, value)                                                         \
    do {                                                                           \
        if (curl_easy_setopt(mail->easy, option, value) != CURLE_OK) return false; \
    } while (0)

static bool set_options(lua_State *L, Mail *mail) {
    const char *url = get_line(L, "url", true);
    const char *from = get_line(L, "from", true);
    const char *user = get_line(L, "user", false);
    const char *password = get_line(L, "password", false);
    const char *ca_file = get_line(L, "ca_file", false);
    lua_getfield(L, 1, "timeout");
    double timeout = luaL_optnumber(L, -1, DEFAULT_TIMEOUT);
    bool local = is_local(url);
    long looked_at = local && !password && !strchr(url, '@') && !ca_file ? 0 : 1;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_MAIL_FROM, from);
    SET(CURLOPT_MAIL_RCPT, mail->recipients);
    SET(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    SET(CURLOPT_USE_SSL, local ? (long)CURLUSESSL_TRY : (long)CURLUSESSL_ALL);
    SET(CURLOPT_SSL_VERIFYPEER, looked_at);
    SET(CURLOPT_SSL_VERIFYHOST, 2 * looked_at);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, give_message);
    SET(CURLOPT_READDATA, mail);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look_for_interrupt);
    SET(CURLOPT_XFERINFODATA, mail);
    SET(CURLOPT_VERBOSE, 1L); /* for overhear; nothing is printed */
    SET(CURLOPT_DEBUGFUNCTION, overhear);
    SET(CURLOPT_DEBUGDATA, mail);
    SET(CURLOPT_ERRORBUFFER, mail->said);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(timeout * 1000));
    if (ca_file) SET(CURLOPT_CAINFO, ca_file);
    if (user) SET(CURLOPT_USERNAME, user);
    if (password) SET(CURLOPT_PASSWORD, password);
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int mail_close(lua_State *L) {
    Mail *mail = luaL_checkudata(L, 1, MAIL_METATABLE);
    curl_easy_cleanup(mail->easy);
    curl_slist_free_all(mail->recipients);
    curl_slist_free_all(mail->refused);
    *mail = (Mail){.L = NULL};
    return 0;
}

/* The refused addresses with the answers to them, or nil where there are none. */
static void push_refused(lua_State *L, const Mail *mail) {
    if (!mail->refused) {
        lua_pushnil(L);
        return;
    }
    lua_newtable(L);
    for (const struct curl_slist *at = mail->refused; at && at->next; at = at->next->next) {
        lua_pushstring(L, at->next->data);
        lua_setfield(L, -2, at->data);
    }
}

static int push_failure(lua_State *L, const Mail *mail, CURLcode code, long reply) {
    lua_pushnil(L);
    if (code == CURLE_LOGIN_DENIED) {
        lua_pushliteral(L, "the mail server refuses user and password");
    } else if (code == CURLE_USE_SSL_FAILED) {
        lua_pushliteral(L, "the mail server offers no TLS, and a mail goes without it to this "
                           "machine alone");
    } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
        lua_pushfstring(L, "%s (a certificate of your own is named by ca_file)", mail->said);
    } else if (reply >= 400) {
        lua_pushfstring(L, "the mail server answered %d (%s)", (int)reply, mail->said);
    } else {
        lua_pushstring(L, mail->said[0] ? mail->said : curl_easy_strerror(code));
    }
    lua_pushinteger(L, reply);
    return 3;
}

static int mail_send(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    Mail *mail = lua_newuserdatauv(L, sizeof *mail, 0);
    *mail = (Mail){.L = L};
    luaL_setmetatable(L, MAIL_METATABLE);
    lua_toclose(L, 2);
    read_recipients(L, mail);
    read_message(L, mail);
    mail->easy = curl_easy_init();
    if (!mail->easy || !set_options(L, mail)) {
        return luaL_error(L, "not enough memory");
    }
    CURLcode code = curl_easy_perform(mail->easy);
    if (mail->broken) {
        return lua_error(L);
    }
    long reply = 0;
    curl_easy_getinfo(mail->easy, CURLINFO_RESPONSE_CODE, &reply);
    if (code != CURLE_OK) {
        return push_failure(L, mail, code, reply);
    }
    lua_pushboolean(L, 1);
    push_refused(L, mail);
    return 2;
}

/* ---- the module ------------------------------------------------------------------------------ */

__attribute__((visibility("default"))) int luaopen_signalbox_smtp(lua_State *L) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return luaL_error(L, "libcurl cannot be set up");
    }
    luaL_newmetatable(L, MAIL_METATABLE);
    lua_pushcfunction(L, mail_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, mail_close);
    lua_setfield(L, -2, "__close");
    lua_newtable(L);
    if (luaL_loadstring(L, "for _ = 1, 2 do end") != LUA_OK) {
        return lua_error(L);
    }
    lua_pushcclosure(L, mail_send, 1);
    lua_setfield(L, -2, "send");
    return 1;
}
