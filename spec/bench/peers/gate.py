"""The verification gate as one would write it in plain Python: dicts in, a dict out with the full
breakdown, every number an option, inputs checked.

usage: gate.py FOLDER [print]

Reads FOLDER/companies.ndjson, the signals of one company a line. Prints the evaluations a second,
or with `print` each decision and score, for the peers to be compared.
"""
import json
import sys
import time
from datetime import datetime

DEFAULTS = {
    "strict_mode": False, "founder_score": 0, "velocity_boost": 0,
    "auto_push_threshold": 0.7, "review_threshold": 0.4,
    "founder_weight": 0.15, "founder_boost_max": 0.15, "velocity_boost_max": 0.2,
    "source_boosts": (1, 1.15, 1.3), "convergence_boosts": (1, 1.2, 1.5),
    "default_weight": 0.05, "default_half_life": 90, "least_contribution": 0.00005,
    "weights": {
        "incorporation": 0.25, "github_spike": 0.20, "domain_registration": 0.15,
        "patent_filing": 0.15, "product_hunt_launch": 0.10, "social_announcement": 0.10,
        "cofounder_search": 0.05, "research_paper": 0.05, "funding_event": 0.20,
        "hiring_signal": 0.30, "github_activity": 0.18,
    },
    "half_lives": {
        "incorporation": 365, "github_spike": 14, "domain_registration": 90, "patent_filing": 180,
        "product_hunt_launch": 30, "social_announcement": 30, "cofounder_search": 60,
        "research_paper": 180, "funding_event": 180, "hiring_signal": 45, "github_activity": 30,
    },
    "negative_multipliers": {
        "job_at_big_co_recent": 0.6, "job_at_big_co_medium": 0.3, "job_at_big_co_old": 0.1,
        "domain_dead": 0.1, "github_inactive_90d": 0.3, "company_dissolved": 0,
    },
    "hard_kills": {"company_dissolved"}, "conflicting": {"domain_dead"},
    "suggested_status": {"auto_push": "Source", "needs_review": "Tracking"},
}
FIELDS = (("signal_type", str), ("source_api", str), ("detected_at", str),
          ("confidence", (int, float)))


def settings_of(options):
    """The defaults with options over them, entry by entry; made once for all companies."""
    settings = dict(DEFAULTS)
    for name, value in options.items():
        if name not in DEFAULTS:
            raise TypeError(f"there is no option {name}")
        default = DEFAULTS[name]
        settings[name] = {**default, **value} if isinstance(default, dict) else value
    return settings


def check(signal):
    for name, kind in FIELDS:
        if not isinstance(signal.get(name), kind):
            raise TypeError(f"signal {signal.get('id')}: {name} is {signal.get(name)!r}")
    if not 0 <= signal["confidence"] <= 1:
        raise ValueError(f"signal {signal['id']}: confidence is {signal['confidence']}")


def item_of(signal, now):
    """What every piece of the breakdown says of its signal."""
    detected = datetime.fromisoformat(signal["detected_at"])
    return {
        "id": signal["id"], "signal_type": signal["signal_type"],
        "source_api": signal["source_api"], "confidence": signal["confidence"],
        "age_days": max(0, (now - detected).days),
    }


def weigh(item, settings):
    kind = item["signal_type"]
    weight = settings["weights"].get(kind, settings["default_weight"])
    half_life = settings["half_lives"].get(kind, settings["default_half_life"])
    contribution = weight * 0.5 ** (item["age_days"] / half_life) * item["confidence"]
    item["weight"], item["half_life_days"] = weight, half_life
    item["contribution"] = contribution if contribution >= settings["least_contribution"] else 0
    return item


def sift(signals, settings, now):
    """The best signal of each positive type, the others of those types, the negative ones, sources."""
    best, superseded, negatives, sources = {}, [], [], []
    for signal in signals:
        check(signal)
        item = item_of(signal, now)
        if item["source_api"] not in sources:
            sources.append(item["source_api"])
        multiplier = settings["negative_multipliers"].get(item["signal_type"])
        if multiplier is not None:
            item["multiplier"] = multiplier
            negatives.append(item)
            continue
        weigh(item, settings)
        other = best.get(item["signal_type"])
        if other is None or item["contribution"] > other["contribution"]:
            best[item["signal_type"]] = item
            item = other
        if item is not None:
            superseded.append(item)
    return list(best.values()), superseded, negatives, sources


def boost(boosts, count):
    return boosts[min(count, len(boosts)) - 1] if count else 1


def decide(score, sources, settings):
    push, review = settings["auto_push_threshold"], settings["review_threshold"]
    count = "one source" if sources == 1 else f"{sources} sources"
    if score <= 0:
        return "reject", "no evidence that counts"
    if score >= push and (sources >= 2 or not settings["strict_mode"]):
        return "auto_push", f"score {score:.3f} from {count} reaches {push:g}"
    if score >= push:
        return "needs_review", (f"score {score:.3f} reaches {push:g}, but from one source: "
                                "strict mode asks for two")
    if score >= review:
        return "needs_review", f"score {score:.3f} from {count} reaches {review:g}, not {push:g}"
    return "hold", f"score {score:.3f} from {count} is below {review:g}"


def break_down(settings, evidence, superseded, negatives, sources):
    total = sum(item["contribution"] for item in evidence)
    multiplier = 1
    for item in negatives:
        multiplier *= item["multiplier"]
    source_boost = boost(settings["source_boosts"], len(sources))
    convergence_boost = boost(settings["convergence_boosts"], len(evidence))
    founder = min(settings["founder_boost_max"],
                  settings["founder_score"] * settings["founder_weight"])
    velocity = min(settings["velocity_boost_max"], settings["velocity_boost"])
    return {
        "evidence": evidence, "negatives": negatives, "superseded": superseded,
        "sources": sources, "signals_contributing": len(evidence),
        "sources_checked": len(sources), "evidence_score": total,
        "negative_multiplier": multiplier, "base_score": total * multiplier,
        "multi_source_boost": source_boost, "convergence_boost": convergence_boost,
        "founder_boost": founder, "velocity_boost": velocity,
        "uncapped_score": total * multiplier * source_boost * convergence_boost + founder + velocity,
        "auto_push_threshold": settings["auto_push_threshold"],
        "review_threshold": settings["review_threshold"],
    }


def judge(breakdown, settings):
    """The decision, the score, the status and why."""
    sources = breakdown["sources_checked"]
    if not sources:
        return "reject", 0, "unverified", "no signals"
    for item in breakdown["negatives"]:
        if item["signal_type"] in settings["hard_kills"]:
            breakdown["hard_kill"] = item
            return "reject", 0, "unverified", f"{item['signal_type']} rules it out"
    score = min(1, breakdown["uncapped_score"])
    for item in breakdown["negatives"]:
        if breakdown["evidence"] and item["signal_type"] in settings["conflicting"]:
            return "needs_review", score, "conflicting", (
                f"{item['signal_type']} contradicts the evidence: a person must look")
    decision, reason = decide(score, sources, settings)
    return decision, score, "multi_source" if sources >= 2 else "single_source", reason


def evaluate(signals, settings, now):
    breakdown = break_down(settings, *sift(signals, settings, now))
    decision, score, status, reason = judge(breakdown, settings)
    return {
        "decision": decision, "score": score, "verification_status": status, "reason": reason,
        "suggested_status": settings["suggested_status"].get(decision, ""),
        "breakdown": breakdown, "evaluated_at": now,
    }


def main():
    with open(sys.argv[1] + "/companies.ndjson") as file:
        companies = [json.loads(line) for line in file]
    now, settings = datetime.fromisoformat("2026-11-01T12:00:00+00:00"), settings_of({})
    if sys.argv[2:] == ["print"]:
        for signals in companies:
            verdict = evaluate(signals, settings, now)
            print(f"{verdict['decision']} {verdict['score']:.9f}")
        return
    started = time.process_time()
    for _ in range(20):
        for signals in companies:
            evaluate(signals, settings, now)
    print(f"evaluate\t{20 * len(companies) / (time.process_time() - started)}")


if __name__ == "__main__":
    main()
