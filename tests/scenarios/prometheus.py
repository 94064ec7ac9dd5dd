"""Histograms of two scrapes, the later minus the earlier, over all processes, and their quantiles."""

import re
from collections import defaultdict

LINE = re.compile(r"^(\w+?)(_bucket|_sum|_count)?\{(.*)\} (\S+)$")


def histograms(page):
    """-> {family: {upper edge in s: count}}, summed over all labels but `le`."""
    result = defaultdict(lambda: defaultdict(float))
    for line in page.splitlines():
        if (match := LINE.match(line)) and match[2] == "_bucket":
            edge = re.search(r'le="([^"]+)"', match[3])[1]
            result[match[1]][float(edge)] += float(match[4])
    return result


def value(page, name):
    """Of a metric that is no histogram, summed over its labels."""
    return sum(float(match[4]) for line in page.splitlines() if (match := LINE.match(line)) and match[1] == name and not match[2])


def quantiles_ms(before, after, family):
    """p50, p99, p99.9 of what was recorded between the two pages: upper edges, so within a step (x 1.41)."""
    start, end = histograms(before).get(family, {}), histograms(after).get(family, {})
    counts = sorted((edge, count - start.get(edge, 0)) for edge, count in end.items())
    total = counts[-1][1] if counts else 0
    if not total:
        return None
    def at(q):
        return next(round(edge * 1000, 3) for edge, count in counts if count >= q * total)
    return {"count": int(total), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999)}
