"""Ansible's inventories: hosts, groups and their vars, as Ansible resolves them, and as roles and match blocks.

Written from Ansible's documented behaviour and held against `ansible-inventory --host` by tests; nothing of Ansible is
imported, no script is run, no template rendered, no vault opened.
"""
