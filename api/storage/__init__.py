"""Rows: tables, repositories, migrations, and the two databases behind one interface.

Only this package speaks SQL. A repository takes a session, returns `schema` models and never rows; every list has an
order and a limit. Nothing here commits: the database does, when a unit of work has ended well.
"""
