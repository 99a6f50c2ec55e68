#!/usr/bin/python3
"""Notion as strict as it is, with one database, and as unreliable as it is asked to be.

Prints its port and serves until its standard input ends. It speaks versions 2022-06-28 (the database
is queried) and from 2025-09-03 on (its data source is). The token is `secret`, the database has the
id in DATABASE. Words on the command line are settings, as in `/control`:

    rate=3        requests a second; more are answered 429 with Retry-After
    lag=0.2       seconds that a query does not see a page that was made
    window=10000  results that one query gives, and then no more, whatever has_more says
    fail=0.3      share of requests answered with 500, 502, 503, 409, 429 or 529 before anything is done
    drop=0.1      share of requests whose connection is lost before anything is done
    drop_after=0.1  ... after it was done: the answer is lost
    fail_after=0.1  share of pages that are made, and answered with `after`
    after=503       a status, or 0 for one of 500, 502, 503, 504, 409 and 520
    hang_after=0.1  share of pages that are made, and not answered for three seconds
    limited=20      requests after which all others are answered with 429
    revoke=20       requests after which the token is refused
    retry_after=0   seconds that a 429 and a 529 ask for
    delay=0.05    seconds before each answer
    sources=2     data sources in the database; the pages are in the first
    seed=1        of what is left to chance

    POST /control          {setting: value, ...}
    POST /control/pages    [{name: value, ...}, ...] makes pages, by the names of properties;
                           in_trash, created_time, and elsewhere: in another database
    GET  /control/pages    all pages, as the API shows them
    GET  /control/keys     {canonical key: number of live pages}
    GET  /control/requests {"METHOD path": count}
    POST /control/schema   {name: property or null, ...} changes the properties
"""
import json
import random
import sys
import time
import uuid
from datetime import datetime, timezone

import strict

TOKEN = "secret"
DATABASE = "11111111-1111-4111-8111-111111111111"
SOURCE = "22222222-2222-4222-8222-222222222222"
OTHER_SOURCE = "44444444-4444-4444-8444-444444444444"
STATUSES = ["Source", "Initial Meeting / Call", "Dilligence", "Tracking", "Committed", "Funded",
            "Passed", "Lost"]


def options(names):
    return [{"id": str(i), "name": name, "color": "default"} for i, name in enumerate(names)]


def new_schema():
    kinds = {
        "Company Name": "title", "Website": "url", "Canonical Key": "rich_text",
        "Discovery ID": "rich_text", "Confidence Score": "number", "Why Now": "rich_text",
        "Short Description": "rich_text", "Founder": "rich_text", "Location": "rich_text",
    }
    schema = {name: {"type": kind, kind: {}} for name, kind in kinds.items()}
    schema["Status"] = {"type": "select", "select": {"options": options(STATUSES)}}
    schema["Investment Stage"] = {"type": "select", "select": {"options": options(["Seed"])}}
    schema["Sector"] = {"type": "select", "select": {"options": options([])}}
    schema["Signal Types"] = {"type": "multi_select", "multi_select": {"options": options([])}}
    return schema


class Problem(strict.Refused):
    def __init__(self, status, code, message, headers=(), extra=None):
        super().__init__(status, {
            "object": "error", "status": status, "code": code, "message": message,
            "request_id": str(uuid.uuid4()), **(extra or {})}, headers)


def invalid(message):
    return Problem(400, "validation_error", message)


def only(body, allowed, where="body"):
    if not isinstance(body, dict):
        raise invalid(f"{where} should be an object")
    for name in body:
        if name not in allowed:
            raise invalid(f"{where}.{name} should be not present")


def minute(moment):
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:00.000Z")


# ---- the values of properties -------------------------------------------------------------------


def read_text(value, where):
    """What is written as rich text, as Notion gives it back: in pieces."""
    if not isinstance(value, list) or len(value) > 100:
        raise invalid(f"{where} should be an array of at most 100")
    pieces = []
    for item in value:
        if not isinstance(item, dict) or item.get("type", "text") != "text":
            raise invalid(f"{where} should be an array of texts")
        content = item.get("text", {}).get("content")
        if not isinstance(content, str):
            raise invalid(f"{where}[0].text.content should be a string")
        if len(content.encode("utf-16-le")) // 2 > 2000:
            raise invalid(f"{where}[0].text.content.length should be <= 2000")
        cut = len(content) // 2 if len(content) > 20 else len(content)
        pieces += [part for part in (content[:cut], content[cut:]) if part]
    return [{"type": "text", "text": {"content": part, "link": None}, "plain_text": part,
             "annotations": {}, "href": None} for part in pieces]


def read_option(schema, kind, value, where):
    only(value, {"name", "id", "color"}, where)
    name = value.get("name")
    known = schema[kind].setdefault("options", [])
    if name is None and "id" in value:
        name = next((option["name"] for option in known if option["id"] == value["id"]), None)
    if not isinstance(name, str) or name == "":
        raise invalid(f"{where}.name should be a string")
    if kind != "status" and "," in name:
        raise invalid(f"Invalid {kind} option, commas not allowed: {name}")
    if len(name) > 100:
        raise invalid(f"{where}.name.length should be <= 100")
    for option in known:
        if option["name"].lower() == name.lower():
            return option
    if kind == "status":
        raise invalid(f"Invalid status option. Status option \"{name}\" does not exist")
    known.append({"id": str(len(known)), "name": name, "color": "default"})
    return known[-1]


def read_value(schema, value, where):
    kind = schema["type"]
    if not isinstance(value, dict):
        raise invalid(f"{where} should be an object")
    only(value, {kind, "id", "type"}, where)
    if kind not in value:
        raise invalid(f"{where}.{kind} should be defined")
    given, where = value[kind], f"{where}.{kind}"
    if kind in ("title", "rich_text"):
        return read_text(given, where)
    if given is None:
        return [] if kind == "multi_select" else None
    if kind == "url":
        if not isinstance(given, str) or given == "":
            raise invalid(f"{where} should be a non-empty string")
        return given
    if kind == "number":
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise invalid(f"{where} should be a number")
        return given
    if kind in ("select", "status"):
        return read_option(schema, kind, given, where)
    if kind == "multi_select":
        if not isinstance(given, list) or len(given) > 100:
            raise invalid(f"{where} should be an array")
        return [read_option(schema, kind, one, where) for one in given]
    if kind == "checkbox":
        return bool(given)
    if kind == "date":
        only(given, {"start", "end", "time_zone"}, where)
        return given
    raise invalid(f"{where} cannot be written")


def plain(kind, value):
    if kind in ("title", "rich_text"):
        return "".join(piece["plain_text"] for piece in value or [])
    if kind in ("select", "status"):
        return value and value["name"]
    if kind == "multi_select":
        return [option["name"] for option in value or []]
    return value


def write_value(kind, name):
    """A property's value from a plain one, for /control/pages."""
    if kind in ("title", "rich_text"):
        return {kind: [{"text": {"content": name[i:i + 2000]}} for i in range(0, len(name), 2000)]}
    if kind in ("select", "status"):
        return {kind: name and {"name": name}}
    if kind == "multi_select":
        return {kind: [{"name": one} for one in name]}
    return {kind: name}


# ---- filters ------------------------------------------------------------------------------------

TESTS = {
    "equals": lambda have, want: have == want,
    "does_not_equal": lambda have, want: have != want,
    "contains": lambda have, want: want in (have or ""),
    "starts_with": lambda have, want: (have or "").startswith(want),
    "is_empty": lambda have, _: have in (None, "", []),
    "is_not_empty": lambda have, _: have not in (None, "", []),
    "before": lambda have, want: have < want,
    "after": lambda have, want: have > want,
    "on_or_before": lambda have, want: have <= want,
    "on_or_after": lambda have, want: have >= want,
}
ALLOWED = {
    "title": {"equals", "does_not_equal", "contains", "starts_with", "is_empty", "is_not_empty"},
    "url": {"equals", "does_not_equal", "contains", "is_empty", "is_not_empty"},
    "select": {"equals", "does_not_equal", "is_empty", "is_not_empty"},
    "multi_select": {"contains", "is_empty", "is_not_empty"},
    "number": {"equals", "does_not_equal", "is_empty", "is_not_empty"},
    "created_time": {"before", "after", "on_or_before", "on_or_after", "equals"},
}
ALLOWED["rich_text"], ALLOWED["status"] = ALLOWED["title"], ALLOWED["select"]
ALLOWED["last_edited_time"] = ALLOWED["created_time"]


def compare_times(value):
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, AttributeError):
        raise invalid(f"'{value}' should be a valid ISO 8601 date string")


def filter_matches(state, test, page):
    for junction, combine in (("and", all), ("or", any)):
        if junction in test:
            only(test, {junction}, "filter")
            if not isinstance(test[junction], list):
                raise invalid(f"filter.{junction} should be an array")
            return combine([filter_matches(state, one, page) for one in test[junction]])
    if "timestamp" in test:
        kind = test["timestamp"]
        only(test, {"timestamp", kind}, "filter")
        have = compare_times(minute(page[kind]))
    elif "property" in test:
        schema = state.schema.get(test["property"])
        if schema is None:
            raise invalid(f"Could not find property with name or id: {test['property']}")
        kind = schema["type"]
        only(test, {"property", "type", kind}, "filter")
        have = plain(kind, page["properties"].get(test["property"]))
    else:
        raise invalid("filter.property should be defined")
    rule = test.get(kind)
    if not isinstance(rule, dict) or len(rule) != 1:
        raise invalid(f"filter.{kind} should be defined")
    (name, want), = rule.items()
    if name not in ALLOWED.get(kind, ()):
        raise invalid(f"filter.{kind}.{name} should be not present")
    if kind.endswith("_time"):
        want = compare_times(want)
    return TESTS[name](have, want)


def sort_key(state, sort):
    if not isinstance(sort, dict) or sort.get("direction") not in ("ascending", "descending"):
        raise invalid("sorts[0].direction should be \"ascending\" or \"descending\"")
    if sort.get("timestamp") in ("created_time", "last_edited_time"):
        only(sort, {"timestamp", "direction"}, "sorts[0]")
        return lambda page: minute(page[sort["timestamp"]])
    schema = state.schema.get(sort.get("property"))
    if schema is None:
        raise invalid("Could not find sort property")
    return lambda page: str(plain(schema["type"], page["properties"].get(sort["property"])))


# ---- the database -------------------------------------------------------------------------------


class State:
    def __init__(self):
        self.schema = new_schema()
        self.pages = {}        # id -> page, in the order in which they were made
        self.recent = []       # when requests of the last second came
        self.settings = {"rate": 0, "lag": 0, "window": 10000, "fail": 0, "drop": 0,
                         "drop_after": 0, "fail_after": 0, "after": 0, "hang_after": 0,
                         "limited": 0, "retry_after": 0, "revoke": 0, "delay": 0, "sources": 1,
                         "seed": 1}
        self.chance = random.Random(1)

    def configure(self, values):
        for name, value in values.items():
            if name not in self.settings:
                raise invalid(f"there is no setting {name}")
            self.settings[name] = value
        if "seed" in values:
            self.chance = random.Random(values["seed"])

    def read_properties(self, given):
        if not isinstance(given, dict):
            raise invalid("body.properties should be an object")
        values = {}
        for name, value in given.items():
            if name not in self.schema:
                raise invalid(f"{name} is not a property that exists.")
            values[name] = read_value(self.schema[name], value, f"body.properties.{name}")
        return values

    def make_page(self, properties, created=None):
        now = time.time() if created is None else created
        page = {"id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
                "created_time": now, "last_edited_time": now, "changed": time.time(),
                "in_trash": False, "elsewhere": False, "properties": {}}
        page["properties"].update(properties)
        self.pages[page["id"]] = page
        return page

    def show(self, page, version):
        properties = {}
        for name, schema in self.schema.items():
            kind = schema["type"]
            empty = [] if kind in ("title", "rich_text", "multi_select") else None
            value = page["properties"].get(name, empty)
            properties[name] = {"id": name[:4], "type": kind, kind: value}
        parent = {"type": "database_id", "database_id": DATABASE}
        if version >= "2025-09-03":
            parent = {"type": "data_source_id", "data_source_id": SOURCE, "database_id": DATABASE}
        if page["elsewhere"]:
            parent = {name: str(uuid.UUID(int=7)) if name.endswith("_id") and name != "type" else one
                      for name, one in parent.items()}
        shown = {
            "object": "page", "id": page["id"], "created_time": minute(page["created_time"]),
            "last_edited_time": minute(page["last_edited_time"]), "in_trash": page["in_trash"],
            "is_locked": False, "cover": None, "icon": None, "parent": parent, "public_url": None,
            "properties": properties, "url": "https://www.notion.so/" + page["id"].replace("-", ""),
        }
        if version < "2026-03-11":
            shown["archived"] = page["in_trash"]
        return shown

    def schema_shown(self):
        return {name: {"id": name[:4], "name": name, "description": None, **schema}
                for name, schema in self.schema.items()}

    def query(self, body, version):
        only(body, {"filter", "sorts", "start_cursor", "page_size", "result_type", "in_trash",
                    "archived"})
        size = body.get("page_size", 100)
        if not isinstance(size, int) or not 1 <= size <= 100:
            raise invalid("body.page_size should be between 1 and 100")
        cursor = body.get("start_cursor")
        if "start_cursor" in body and not isinstance(cursor, str):
            raise invalid("body.start_cursor should be a string or undefined")
        horizon = time.time() - self.settings["lag"]
        found = [page for page in self.pages.values()
                 if page["changed"] <= horizon and not page["in_trash"] and not page["elsewhere"]]
        if "filter" in body:
            found = [page for page in found if filter_matches(self, body["filter"], page)]
        for sort in reversed(body.get("sorts", [])):
            found.sort(key=sort_key(self, sort), reverse=sort["direction"] == "descending")
        start = 0
        if cursor is not None:
            places = [i for i, page in enumerate(found) if page["id"] == cursor]
            if not places:
                raise invalid("The start_cursor provided is invalid: " + cursor)
            start = places[0]
        window = int(self.settings["window"])
        incomplete = len(found) > window
        found = found[:window]
        results = found[start:start + size]
        more = start + size < len(found)
        answer = {"object": "list", "results": [self.show(page, version) for page in results],
                  "has_more": more, "next_cursor": found[start + size]["id"] if more else None,
                  "type": "page_or_data_source", "page_or_data_source": {}}
        if incomplete and not more:
            answer["request_status"] = {"type": "incomplete",
                                        "incomplete_reason": "query_result_limit_reached"}
        return answer


STATE = State()


# ---- HTTP ---------------------------------------------------------------------------------------


def asked():
    """How many requests there have been."""
    return len(strict.REQUESTS)


class Handler(strict.Handler):
    def body(self):
        text = self.raw
        if not text:
            return {}
        if len(text) > 500 * 1024:
            raise Problem(413, "validation_error", "body is too large")
        try:
            return json.loads(text)
        except ValueError:
            raise Problem(400, "invalid_json", "Error parsing JSON body.")

    def chance(self, setting):
        share = STATE.settings[setting]
        return share > 0 and STATE.chance.random() < share

    def fault(self):
        """Answers as a server that is in trouble; a gateway says it in HTML."""
        pause = [("Retry-After", str(int(STATE.settings["retry_after"])))]
        if 0 < STATE.settings["limited"] < asked():
            raise Problem(429, "rate_limited", "You have been rate limited.", pause)
        if not self.chance("fail"):
            return False
        status, code = STATE.chance.choice([
            (500, "internal_server_error"), (502, None), (503, "service_unavailable"),
            (409, "conflict_error"), (429, "rate_limited"), (529, "service_overload")])
        if code is None:
            self.send_text(status, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
            return True
        raise Problem(status, code, "as it was asked", pause if status in (429, 529) else [])

    def fault_after(self, parts):
        """What was done, but nobody is told."""
        if self.chance("drop_after"):
            return "drop"
        if parts != ["v1", "pages"]:
            return None
        if self.chance("hang_after"):
            return "hang"
        if self.chance("fail_after"):
            status = int(STATE.settings["after"])
            raise Problem(status or STATE.chance.choice([500, 502, 503, 504, 409, 520]),
                          "internal_server_error", "as it was asked, after it was done")
        return None

    def limit(self):
        rate = STATE.settings["rate"]
        if not rate:
            return
        now = time.monotonic()
        STATE.recent = [at for at in STATE.recent if now - at < 1]
        if len(STATE.recent) >= rate:
            raise Problem(429, "rate_limited", "You have been rate limited.", [("Retry-After", "1")])
        STATE.recent.append(now)

    def check_headers(self):
        revoked = 0 < STATE.settings["revoke"] < asked()
        if revoked or self.headers.get("Authorization") != "Bearer " + TOKEN:
            raise Problem(401, "unauthorized", "API token is invalid.")
        self.version = self.headers.get("Notion-Version", "")
        if self.version not in ("2022-06-28", "2025-09-03", "2026-03-11"):
            raise Problem(400, "missing_version", "Notion-Version header failed validation")
        kind = self.headers.get("Content-Type", "")
        if self.raw and not kind.startswith("application/json"):
            raise Problem(400, "invalid_json", "Content-Type should be application/json")

    def pause(self, parts):
        if parts[0] != "control":
            time.sleep(STATE.settings["delay"])

    def answer(self, parts, _):
        if self.chance("drop"):
            self.close_connection = True
            return None
        self.check_headers()
        self.limit()
        if self.fault():
            return None
        answer = self.route(parts)
        silent = self.fault_after(parts)
        if silent:
            self.close_connection = True
            self.silence = 3 if silent == "hang" else 0
            return None
        return self.send_json(200, answer)

    def not_found(self, what):
        return Problem(404, "object_not_found", f"Could not find {what}. Make sure the relevant "
                       "pages and databases are shared with your integration.")

    def route(self, parts):
        new = self.version >= "2025-09-03"
        match [self.command, *parts]:
            case ["GET", "v1", "users", "me"]:
                return {"object": "user", "id": DATABASE, "type": "bot", "bot": {}, "name": "bot"}
            case ["GET", "v1", "databases", given]:
                return self.database(given, new)
            case ["GET", "v1", "data_sources", given] if new:
                self.expect_id(given, SOURCE, "data source")
                return {"object": "data_source", "id": SOURCE, "properties": STATE.schema_shown(),
                        "parent": {"type": "database_id", "database_id": DATABASE}, "title": [],
                        "in_trash": False}
            case ["POST", "v1", "data_sources", given, "query"] if new:
                self.expect_id(given, SOURCE, "data source")
                return STATE.query(self.body(), self.version)
            case ["POST", "v1", "databases", given, "query"]:
                if new:
                    raise Problem(400, "invalid_request_url", "Invalid request URL.")
                self.expect_id(given, DATABASE, "database")
                return STATE.query(self.body(), self.version)
            case ["POST", "v1", "pages"]:
                return self.create(new)
            case [("GET" | "PATCH") as method, "v1", "pages", given]:
                page = STATE.pages.get(self.plain_id(given))
                if page is None:
                    raise self.not_found(f"page with ID: {given}")
                return self.update(page) if method == "PATCH" else STATE.show(page, self.version)
        raise Problem(400, "invalid_request_url", "Invalid request URL.")

    def plain_id(self, given):
        try:
            return str(uuid.UUID(given))
        except ValueError:
            raise invalid(f"path failed validation: {given} should be a valid uuid")

    def expect_id(self, given, wanted, what):
        if self.plain_id(given) != wanted:
            raise self.not_found(f"{what} with ID: {given}")

    def database(self, given, new):
        self.expect_id(given, DATABASE, "database")
        answer = {"object": "database", "id": DATABASE, "in_trash": False, "is_inline": False,
                  "title": [{"type": "text", "plain_text": "Deals"}]}
        if new:
            sources = [{"id": SOURCE, "name": "Deals"}, {"id": OTHER_SOURCE, "name": "Archive"}]
            answer["data_sources"] = sources[:int(STATE.settings["sources"])]
        else:
            answer["properties"] = STATE.schema_shown()
        return answer

    def create(self, new):
        body = self.body()
        only(body, {"parent", "properties", "children", "icon", "cover", "template"})
        parent = body.get("parent")
        if not isinstance(parent, dict):
            raise invalid("body.parent should be defined")
        if "data_source_id" in parent and new:
            self.expect_id(parent["data_source_id"], SOURCE, "data source")
        elif "database_id" in parent:
            self.expect_id(parent["database_id"], DATABASE, "database")
        else:
            raise invalid("body.parent.data_source_id should be defined")
        page = STATE.make_page(STATE.read_properties(body.get("properties", {})))
        return STATE.show(page, self.version)

    def update(self, page):
        body = self.body()
        only(body, {"properties", "in_trash", "archived", "icon", "cover", "is_locked"})
        trash = body.get("in_trash", body.get("archived"))
        if page["in_trash"] and trash is not False:
            raise invalid("Can't edit block that is archived. You must unarchive the block before "
                          "editing.")
        values = STATE.read_properties(body.get("properties", {}))
        page["properties"].update(values)
        page["last_edited_time"] = time.time()
        if trash is not None:
            page["in_trash"] = trash
        return STATE.show(page, self.version)

    # ---- for specs ----

    def control(self, parts):
        match [self.command, *parts]:
            case ["POST"]:
                STATE.configure(self.body())
                return STATE.settings
            case ["POST", "pages"]:
                return [self.control_page(page) for page in json.loads(self.raw)]
            case ["GET", "pages"]:
                return [STATE.show(page, "2025-09-03") for page in STATE.pages.values()]
            case ["GET", "keys"]:
                keys = {}
                for page in STATE.pages.values():
                    key = plain("rich_text", page["properties"].get("Canonical Key"))
                    if not page["in_trash"] and not page["elsewhere"]:
                        keys[key] = keys.get(key, 0) + 1
                return keys
            case ["GET", "requests"]:
                counts = {}
                for request in strict.REQUESTS:
                    name = f"{request['method']} {request['path']}"
                    counts[name] = counts.get(name, 0) + 1
                return counts
            case ["POST", "schema"]:
                for name, schema in self.body().items():
                    if schema is None:
                        STATE.schema.pop(name, None)
                    else:
                        STATE.schema[name] = schema
                return STATE.schema
        raise Problem(404, "object_not_found", "no such control")

    def control_page(self, given):
        created = given.pop("created_time", None)
        trash, elsewhere = given.pop("in_trash", False), given.pop("elsewhere", False)
        if created is not None:
            created = compare_times(created).timestamp()
        values = {name: write_value(STATE.schema[name]["type"], value)
                  for name, value in given.items()}
        page = STATE.make_page(STATE.read_properties(values), created)
        page["changed"], page["in_trash"], page["elsewhere"] = 0, trash, elsewhere
        return page["id"]


STATE.configure({name: float(value) for name, value in
                 (word.split("=", 1) for word in sys.argv[1:])})
strict.serve(Handler)
