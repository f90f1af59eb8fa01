"""Rollout: in which order a revision reaches the hosts that it changes, and what must hold meanwhile.

Without I/O: two revisions and facts about hosts in, a plan out (`planning`, `canaries`); what the fleet as a whole must
be on the way (`invariants`, `mixes`); whether a time window is open (`windows`); carrying a plan out as a state machine
(`execution`). Who keeps a plan, releases hosts and asks for their health is the loop's and the server's.
"""
