"""Importing: what is known of a host, or an Ansible inventory, as files of a config repository that somebody can edit.

Owns the proposal: plain data in, files and notes out, the same for the same input. Nothing is executed and nothing is
written here; `gathering` is the one module that reads a disk. A secret never enters a proposal: a reference takes its
place, or nothing does, and a note says so.
"""

from __future__ import annotations

from reconciler.importing.proposals import ImportRefused as ImportRefused
from reconciler.importing.proposals import Note as Note
from reconciler.importing.proposals import Proposal as Proposal
