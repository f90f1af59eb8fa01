"""GraphQL: the same use cases as REST, asked for by shape.

An area gives types and root fields; each field that reads something names the permission it needs. `schema` assembles
them, `limits` bounds what a query may cost before anything runs, `endpoint` is `POST /graphql`. Reads only: what
changes something is REST's.
"""
