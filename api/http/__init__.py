"""HTTP: what all faces over it share. Endpoints are recorded as data (`areas`), bound to their input (`binding`), run
by the edge (`edge`) and described (`openapi`). Knows no area by name and touches no storage.

Invariant: a route without a declared permission does not start, and nothing blocks the event loop.
"""
