"""`python -m api`: the same as `vigo`."""

from __future__ import annotations

from api.cli.main import main

if __name__ == "__main__":
    main()
