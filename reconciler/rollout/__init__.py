"""Rollout: in which order a revision reaches the hosts that it changes, and what must hold meanwhile.

Pure: two revisions and facts about hosts in, a plan out (`planning`); whether a time window is open (`windows`). Who
carries a plan out, keeps it and watches it, is the loop's and the server's.
"""
