#!/usr/bin/python3
"""The advanced search of Companies House, and officers. The key is `secret`.

POST /control {"companies": [...], "officers": {number: n}, "size": n, "limit": n}: items of the
search; officers of each; what one answer holds at most; requests that are left, of which there are
as many again a second later ("refused" counts those that came too early).
"""
import base64
import time

from strict import STATE, Handler, Refused, serve

STATE.update({"companies": [], "officers": {}, "size": 5000, "limit": 100000, "refused": 0})
LIMIT = {"left": 0, "reset": 0}
PARAMETERS = {"incorporated_from", "incorporated_to", "dissolved_from", "dissolved_to",
              "company_status", "company_type", "size", "start_index", "sic_codes", "location"}


def valid_date(text):
    try:
        time.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise Refused(400, "Date is not valid: " + text)
    return text


def officers(count, number, query):
    items = [{"name": f"OFFICER {i}", "officer_role": "director", "links": {}}
             for i in range(count)]
    size = min(int(query.get("items_per_page", 35)), 100)
    return {"kind": "officer-list", "active_count": count, "resigned_count": 0,
            "total_results": count, "items_per_page": size, "start_index": 0,
            "items": items[:size], "links": {"self": f"/company/{number}/officers"}}


def shown(company):
    return {"kind": "search-results#company",
            "links": {"company_profile": "/company/" + str(company.get("company_number"))}, **company}


class CompaniesHouse(Handler):
    def check(self):
        wanted = "Basic " + base64.b64encode(b"secret:").decode()
        if self.headers.get("Authorization") != wanted:
            raise Refused(401, {"error": "Invalid Authorization", "type": "ch:service"})
        if LIMIT["reset"] <= time.time():
            LIMIT["left"], LIMIT["reset"] = STATE["limit"], int(time.time()) + 1
        headers = [("X-Ratelimit-Limit", STATE["limit"]), ("X-Ratelimit-Window", "5m"),
                   ("X-Ratelimit-Reset", LIMIT["reset"])]
        if LIMIT["left"] <= 0:
            STATE["refused"] += 1
            raise Refused(429, {"error": "Rate limit exceeded", "type": "ch:service"},
                          headers + [("X-Ratelimit-Remain", 0)])
        LIMIT["left"] -= 1
        return headers + [("X-Ratelimit-Remain", LIMIT["left"])]

    def api(self, parts, query):
        headers = self.check()
        if parts == ["advanced-search", "companies"]:
            return self.search(query, headers)
        if len(parts) == 3 and parts[0] == "company" and parts[2] == "officers":
            if len(parts[1]) != 8:
                raise Refused(500, None)
            if parts[1] not in STATE["officers"]:
                raise Refused(404, None, headers)
            count = STATE["officers"][parts[1]]
            return 200, officers(count, parts[1], query), headers
        raise Refused(404, None, headers)

    def search(self, query, headers):
        for name in query:
            if name not in PARAMETERS:
                raise Refused(400, "Unknown parameter " + name)
        size = int(query.get("size", 20))
        if not 1 <= size <= 5000:
            raise Refused(422, "Size must be from 1 to 5000")
        if query.get("company_status") not in ("active", "dissolved", None):
            raise Refused(400, "Invalid company status")
        found = []
        for company in STATE["companies"]:
            if self.matches(company, query):
                found.append(company)
        if not found:
            raise Refused(404, None, headers)
        items = [shown(company) for company in found[:min(size, STATE["size"])]]
        return 200, {"etag": "x", "top_hit": items[0], "items": items, "hits": len(found),
                     "kind": "search#advanced-search"}, headers

    def matches(self, company, query):
        for prefix, field in (("incorporated", "date_of_creation"),
                              ("dissolved", "date_of_cessation")):
            low, high = query.get(prefix + "_from"), query.get(prefix + "_to")
            value = company.get(field)
            if low is not None and (value is None or value < valid_date(low)):
                return False
            if high is not None and (value is None or value > valid_date(high)):
                return False
        for name in ("company_status", "company_type"):
            if name in query and company.get(name) not in query[name].split(","):
                return False
        if "sic_codes" in query:
            return bool(set(company.get("sic_codes", [])) & set(query["sic_codes"].split(",")))
        return True


serve(CompaniesHouse)
