"""Pages of the server: an index, and the GraphQL explorer with all its parts from here, none from another host.

A page holds no data of its own: it asks the API with the visitor's token, so nothing here needs a permission.
"""
