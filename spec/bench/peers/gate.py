"""The verification gate as one would write it in Python, with its full breakdown.

usage: gate.py FOLDER [print]

Reads FOLDER/companies.ndjson, the signals of one company a line. Prints the evaluations a second,
or with `print` each decision and score, for the peers to be compared.
"""
import json
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime

WEIGHTS = {
    "incorporation": 0.25, "github_spike": 0.20, "domain_registration": 0.15,
    "patent_filing": 0.15, "product_hunt_launch": 0.10, "social_announcement": 0.10,
    "cofounder_search": 0.05, "research_paper": 0.05, "funding_event": 0.20,
    "hiring_signal": 0.30, "github_activity": 0.18,
}
HALF_LIVES = {
    "incorporation": 365, "github_spike": 14, "domain_registration": 90, "patent_filing": 180,
    "product_hunt_launch": 30, "social_announcement": 30, "cofounder_search": 60,
    "research_paper": 180, "funding_event": 180, "hiring_signal": 45, "github_activity": 30,
}
NEGATIVES = {
    "job_at_big_co_recent": 0.6, "job_at_big_co_medium": 0.3, "job_at_big_co_old": 0.1,
    "domain_dead": 0.1, "github_inactive_90d": 0.3, "company_dissolved": 0,
}


@dataclass
class Signal:
    id: int
    signal_type: str
    source_api: str
    confidence: float
    detected_at: str


@dataclass
class Evidence:
    id: int
    signal_type: str
    source_api: str
    confidence: float
    age_days: int
    weight: float
    half_life_days: float
    contribution: float


@dataclass
class Negative:
    id: int
    signal_type: str
    source_api: str
    confidence: float
    age_days: int
    multiplier: float


@dataclass
class Verdict:
    decision: str
    score: float
    verification_status: str
    reason: str
    suggested_status: str
    breakdown: dict = field(default_factory=dict)


def check(signal):
    for name, kind in (("signal_type", str), ("source_api", str), ("detected_at", str),
                       ("confidence", (int, float))):
        if not isinstance(getattr(signal, name), kind):
            raise TypeError(f"signal {signal.id}: {name} is {getattr(signal, name)!r}")
    if not 0 <= signal.confidence <= 1:
        raise ValueError(f"signal {signal.id}: confidence is {signal.confidence}")


def age_in_days(signal, now):
    return max(0, (now - datetime.fromisoformat(signal.detected_at)).days)


def weigh(signal, now):
    age = age_in_days(signal, now)
    weight = WEIGHTS.get(signal.signal_type, 0.05)
    half_life = HALF_LIVES.get(signal.signal_type, 90)
    contribution = weight * 0.5 ** (age / half_life) * signal.confidence
    return Evidence(signal.id, signal.signal_type, signal.source_api, signal.confidence, age,
                    weight, half_life, contribution if contribution >= 0.00005 else 0)


def negative(signal, now):
    return Negative(signal.id, signal.signal_type, signal.source_api, signal.confidence,
                    age_in_days(signal, now), NEGATIVES[signal.signal_type])


def boost(boosts, count):
    return boosts[min(count, len(boosts)) - 1] if count else 1


def decide(score, sources, strict):
    if score >= 0.7 and (sources >= 2 or not strict):
        return "auto_push", f"score {score:.3f} from {sources} sources reaches 0.7"
    if score >= 0.4:
        return "needs_review", f"score {score:.3f} from {sources} sources reaches 0.4, not 0.7"
    if score > 0:
        return "hold", f"score {score:.3f} from {sources} sources is below 0.4"
    return "reject", "no evidence that counts"


def evaluate(signals, now, strict=False, founder_score=0, velocity_boost=0):
    if not signals:
        return Verdict("reject", 0, "unverified", "no signals", "")
    for signal in signals:
        check(signal)
    negatives = [negative(s, now) for s in signals if s.signal_type in NEGATIVES]
    for item in negatives:
        if item.signal_type == "company_dissolved":
            return Verdict("reject", 0, "unverified", f"{item.signal_type} rules it out", "",
                           {"hard_kill": asdict(item)})

    by_type = defaultdict(list)
    for signal in signals:
        if signal.signal_type not in NEGATIVES:
            by_type[signal.signal_type].append(weigh(signal, now))
    evidence, superseded = [], []
    for items in by_type.values():
        items.sort(key=lambda item: item.contribution, reverse=True)
        evidence.append(items[0])
        superseded.extend(items[1:])

    sources = {signal.source_api for signal in signals}
    total = sum(item.contribution for item in evidence)
    multiplier = 1
    for item in negatives:
        multiplier *= item.multiplier
    source_boost = boost((1, 1.15, 1.3), len(sources))
    convergence_boost = boost((1, 1.2, 1.5), len(evidence))
    founder = min(0.15, founder_score * 0.15)
    velocity = min(0.2, velocity_boost)
    uncapped = total * multiplier * source_boost * convergence_boost + founder + velocity
    score = min(1, uncapped)

    status = "multi_source" if len(sources) >= 2 else "single_source"
    decision, reason = decide(score, len(sources), strict)
    if evidence and any(item.signal_type == "domain_dead" for item in negatives):
        status, decision = "conflicting", "needs_review"
        reason = "domain_dead contradicts the evidence: a person must look"
    return Verdict(
        decision, score, status, reason,
        {"auto_push": "Source", "needs_review": "Tracking"}.get(decision, ""),
        {
            "evidence": evidence, "negatives": negatives, "superseded": superseded,
            "sources": sorted(sources), "signals_contributing": len(evidence),
            "sources_checked": len(sources), "evidence_score": total,
            "negative_multiplier": multiplier, "base_score": total * multiplier,
            "multi_source_boost": source_boost, "convergence_boost": convergence_boost,
            "founder_boost": founder, "velocity_boost": velocity, "uncapped_score": uncapped,
            "auto_push_threshold": 0.7, "review_threshold": 0.4,
        })


def main():
    with open(sys.argv[1] + "/companies.ndjson") as file:
        companies = [[Signal(**fields) for fields in json.loads(line)] for line in file]
    now = datetime.fromisoformat("2026-11-01T12:00:00+00:00")
    if sys.argv[2:] == ["print"]:
        for signals in companies:
            verdict = evaluate(signals, now)
            print(f"{verdict.decision} {verdict.score:.9f}")
        return
    started = time.process_time()
    for _ in range(20):
        for signals in companies:
            evaluate(signals, now)
    print(f"evaluate\t{20 * len(companies) / (time.process_time() - started)}")


main()
