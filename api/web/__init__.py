"""Pages of the server: an index, the rollouts, and the GraphQL explorer; with all their parts from here.

A page holds no data of its own: it asks the API with the visitor's token, so nothing here needs a permission.
"""
