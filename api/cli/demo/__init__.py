"""`vigo demo`: a commit becomes a converged fleet of three, and every step is seen to hold.

Nothing in it is simulated: a server process, three agents enrolled with one-time tokens, a git repository, and real
files below a directory for each host. The server is asked over REST, as anybody would.
"""
