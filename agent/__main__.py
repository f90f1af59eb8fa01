"""`python -m agent`: the same as `vigo-agent`."""

from __future__ import annotations

from agent.cli import main

main()
