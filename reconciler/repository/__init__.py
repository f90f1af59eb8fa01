"""Git: open a repository, read a tree of it without a checkout, watch and fetch its refs.

Does not know what the files mean. Nothing in a repository is ever executed: no hook, filter, submodule or config.
"""
