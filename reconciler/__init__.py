"""The judgement: what a git tree means for each host, and what to do about the difference.

Reads git and computes; knows no web framework and no database. What it needs filled in stands in `ports.py`.
"""
