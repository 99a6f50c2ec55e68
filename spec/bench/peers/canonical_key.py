"""The rules of canonical keys as one would write them in Python.

usage: canonical_key.py FOLDER [print]

Reads FOLDER/NAME.ndjson, one company's references a line. Prints the keys a second of each call on
each file, or with `print` the keys themselves, for the peers to be compared.
"""
import json
import re
import sys
import time
import unicodedata

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
HOST = re.compile(r"(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?=[0-9-]*[a-z])[a-z0-9-]{1,63}(?<!-)")
HIGH = re.compile(r"[\x80-\U0010FFFF]")
NOT_WORD = re.compile(r"[\W_]+")
NOT_ALNUM = re.compile(r"[^a-z0-9]+")
GIT_SUFFIX = re.compile(r"\.git\s*$", re.IGNORECASE)
GITHUB = re.compile(
    r"\s*(?:[a-z][a-z0-9+.-]*://)?(?:[^/]*@)?(?:www\.|ssh\.)?github\.com(?::\d*/|[:/])?([^?#]*)",
    re.IGNORECASE)
GITHUB_PAGES = {"apps", "collections", "enterprise", "explore", "features", "marketplace", "orgs",
                "search", "settings", "sponsors", "topics", "trending", "users"}
FIELDS = ("domain_or_website", "companies_house_number", "crunchbase_id", "pitchbook_id",
          "github_org", "github_repo", "fallback_company_name", "fallback_region")


def fold(text):
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def slug(text):
    return NOT_WORD.sub("-", fold(text)).strip("-")


def domain(text):
    host = SCHEME.sub("", fold(text).strip(), count=1)
    for mark in "/?#":
        host = host.split(mark, 1)[0]
    host = host.rsplit("@", 1)[-1].split(":", 1)[0].strip().lstrip(".").removesuffix(".")
    if not host.isascii():
        host = ".".join(label if label.isascii() else "xn--" + label.encode("punycode").decode()
                        for label in host.split("."))
    if host.startswith("www.") and host.count(".") > 1:
        host = host[4:]
    return host if len(host) <= 253 and HOST.fullmatch(host) else ""


def companies_house(text):
    return NOT_ALNUM.sub("", fold(text))


def identifier(text):
    return fold(text).strip()


def github_repo(text):
    address = GITHUB.match(text)
    path = address[1] if address else text.strip().strip("/")
    parts = path.split("/")
    if len(parts) < 2 or (address and parts[0].lower() in GITHUB_PAGES):
        return ""
    owner, repo = slug(parts[0]), slug(GIT_SUFFIX.sub("", parts[1]))
    return f"{owner}/{repo}" if owner and repo else ""


def github_org(text):
    address = GITHUB.match(text) if "/" in text or ":" in text else None
    return slug(address[1].split("/")[0] if address else text)


def region_slug(text):
    return slug(HIGH.sub(" ", text)) or slug(text)


def keys(refs):
    """The candidates, best first."""
    for field in FIELDS:
        value = refs.get(field)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{field} must be a str, not {type(value).__name__}")
    if (text := refs.get("domain_or_website")) and (value := domain(text)):
        yield "domain:" + value
    if (text := refs.get("companies_house_number")) and (value := companies_house(text)):
        yield "companies_house:" + value
    if (text := refs.get("crunchbase_id")) and (value := identifier(text)):
        yield "crunchbase:" + value
    if (text := refs.get("pitchbook_id")) and (value := identifier(text)):
        yield "pitchbook:" + value
    if (text := refs.get("github_org")) and (value := github_org(text)):
        yield "github_org:" + value
    if (text := refs.get("github_repo")) and (value := github_repo(text)):
        yield "github_repo:" + value
    if (text := refs.get("fallback_company_name")) and (value := slug(text)):
        region = region_slug(refs.get("fallback_region") or "")
        yield "name_loc:" + (f"{value}|{region}" if region else value)


def candidates(refs):
    return list(keys(refs))


def build(refs):
    return next(keys(refs), None)


def read(folder, name):
    with open(f"{folder}/{name}.ndjson") as file:
        return [json.loads(line) for line in file]


def measure(name, call, cases, calls):
    rounds = calls // len(cases)
    started = time.process_time()
    for _ in range(rounds):
        for refs in cases:
            call(refs)
    print(f"{name}\t{rounds * len(cases) / (time.process_time() - started)}")


def main():
    folder = sys.argv[1]
    for name in ("again", "once", "vectors"):
        cases = read(folder, name)
        if sys.argv[2:] == ["print"]:
            for refs in cases:
                print(" ".join(candidates(refs)))
        else:
            measure("build_" + name, build, cases, 50000)
            measure("candidates_" + name, candidates, cases, 50000)


main()
