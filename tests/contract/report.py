"""`just contract`: how much of the specification is mounted, and whether that keeps its contract.

Ends 1 if any mounted endpoint breaks its own.
"""

from __future__ import annotations

import sys
from collections import Counter

from api.http import openapi
from api.rest import areas
from tests.contract.specification import TOTAL, breaches, mounted, specified


def main() -> int:
    endpoints = [endpoint for area in areas() for endpoint in area.endpoints]
    document = openapi.document(endpoints)
    there = list(mounted(endpoints))
    wanted, have = Counter(one.system for one in specified()), Counter(one.system for one, _ in there)
    broken = 0
    for one, endpoint in there:
        for breach in breaches(one, endpoint, document):
            broken += 1
            print(f"BROKEN {one.method} {one.path} ({one.system}): {breach}")
    print(", ".join(f"{system} {have[system]}/{wanted[system]}" for system in sorted(wanted)))
    print(f"mounted {len(there)}/{TOTAL}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
