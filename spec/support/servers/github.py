#!/usr/bin/python3
"""GitHub's search and users, with its limits. The token is `secret`.

POST /control {"repos": [...], "users": {...}, "core": n, "search": n, "secondary": n}: repositories
as the API shows them; users by login; requests that are left of each limit (they come back a second
after they are used up), and requests until the secondary limit is met once. With "bare" that limit
does not say when it ends; "short" pages lack their last item; "incomplete" searches say that they
ran out of time, after so many results; with "rising" a repository rises above all others between
one request and the next.
"""
import hashlib
import json
import time
import re
import urllib.parse

from strict import STATE, Handler, Refused, serve

STATE.update({"repos": [], "users": {}, "core": 5000, "search": 5000, "secondary": 0,
              "bare": False, "short": False, "incomplete": 0, "rising": False})
LEFT = {}
RESET = {}


class GitHub(Handler):
    def limits(self, resource):
        if RESET.get(resource, 0) <= time.time():
            LEFT[resource] = STATE[resource]
        headers = [("X-RateLimit-Resource", resource), ("X-RateLimit-Limit", STATE[resource])]
        if LEFT[resource] <= 0:
            headers += [("X-RateLimit-Remaining", 0), ("X-RateLimit-Reset", int(RESET[resource] + STATE["skew"]))]
            raise Refused(403, {"message": "API rate limit exceeded for user ID 1."}, headers)
        LEFT[resource] -= 1
        RESET[resource] = int(time.time()) + 1
        if STATE["secondary"] > 0:
            STATE["secondary"] -= 1
            if STATE["secondary"] == 0:
                asked = [] if STATE["bare"] else [("Retry-After", 1)]
                raise Refused(403, {"message": "You have exceeded a secondary rate limit."},
                              asked + [("X-RateLimit-Remaining", 10)])
        return headers + [("X-RateLimit-Remaining", LEFT[resource]),
                          ("X-RateLimit-Reset", int(RESET[resource] + STATE["skew"]))]

    def check(self):
        if not self.headers.get("User-Agent"):
            raise Refused(403, {"message": "Request forbidden by administrative rules."})
        if self.headers.get("Authorization") != "Bearer secret":
            raise Refused(401, {"message": "Bad credentials", "status": "401"})
        if self.headers.get("Accept") != "application/vnd.github+json":
            raise Refused(406, {"message": "Must accept 'application/vnd.github+json'."})
        if self.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            raise Refused(400, {"message": "Invalid API version"})

    def api(self, parts, query):
        self.check()
        if parts == ["search", "repositories"]:
            headers = self.limits("search")
            value, links = self.search(query)
            if STATE["rising"]:
                last = min(STATE["repos"], key=lambda repo: repo["stargazers_count"])
                last["stargazers_count"] += 100000
            return 200, value, headers + links
        if len(parts) == 2 and parts[0] == "users":
            headers = self.limits("core")
            return self.user(parts[1], headers)
        raise Refused(404, {"message": "Not Found"})

    def search(self, query):
        per_page, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        if not 1 <= per_page <= 100 or query.get("sort") != "stars":
            raise Refused(422, {"message": "Validation Failed"})
        if per_page * page > 1000:
            raise Refused(422, {"message": "Only the first 1000 search results are available"})
        form = re.fullmatch(r"stars:(?:>(\d+)|(\d+)\.\.(\d+)) pushed:>(\d{4}-\d\d-\d\d)",
                            query.get("q", ""))
        if form is None:
            raise Refused(422, {"message": "Validation Failed"})
        low = int(form[1]) + 1 if form[1] else int(form[2])
        high = int(form[3]) if form[3] else 10 ** 9
        found = [repo for repo in STATE["repos"]
                 if low <= repo["stargazers_count"] <= high and repo["pushed_at"] > form[4]]
        found.sort(key=lambda repo: (-repo["stargazers_count"], repo["id"]))
        incomplete = 0 < STATE["incomplete"] < len(found)
        if incomplete:
            found = found[:STATE["incomplete"]]
        start = per_page * (page - 1)
        items = found[start:start + per_page]
        value = {"total_count": len(found), "incomplete_results": incomplete,
                 "items": items[:-1] if STATE["short"] else items}
        pages = -(-min(len(found), 1000) // per_page)
        return value, self.links(query, page, pages)

    def links(self, query, page, pages):
        def link(number, rel):
            address = urllib.parse.urlencode({**query, "page": number})
            host = self.headers["Host"]
            return f'<http://{host}/search/repositories?{address}>; rel="{rel}"'
        links = [link(page - 1, "prev"), link(1, "first")] if page > 1 else []
        if page < pages:
            links += [link(page + 1, "next"), link(pages, "last")]
        return [("Link", ", ".join(links))] if links else []

    def user(self, login, headers):
        user = STATE["users"].get(login)
        if user is None:
            raise Refused(404, {"message": "Not Found"}, headers)
        etag = '"' + hashlib.sha256(json.dumps(user).encode()).hexdigest() + '"'
        if self.headers.get("If-None-Match") == etag:
            return 304, None, headers + [("ETag", etag)]
        return 200, {"login": login, **user}, headers + [("ETag", etag)]


serve(GitHub)
