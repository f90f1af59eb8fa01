"""Use cases: functions that take `Work` first, return `schema` models, raise faults, and never commit.

They are sync, since nothing may be awaited inside a write transaction: an edge runs them in the writer's or a reader's
thread (`container.Services.write` and `.read`). Each writes its audit entry in the same transaction. No globals.
"""
