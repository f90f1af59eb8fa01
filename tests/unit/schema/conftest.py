"""Generated cases here are many and small; how long one takes says nothing on a machine that others use too."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("schema", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("schema")
