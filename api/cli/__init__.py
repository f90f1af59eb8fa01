"""The command line. One file per noun or command; `main` assembles them.

A command imports what it needs when it runs, so that `vigo validate` starts without the server. Commands over a running
server speak REST through `client`; those with `--repo` read git themselves. Nothing here touches storage.
"""
