"""The language server: `reconciler.authoring` spoken over the Language Server Protocol 3.17, by pygls.

Owns the protocol's side only: buffers, when to compile, what a client can do, and its way of counting columns. Knows no
server of Vigo's and nothing of hosts. Nothing here needs a particular operating system.
"""
