"""Expectations: the tests of a config repository, held against its graph.

A pure function of the graph. What a test needs to know of its hosts beyond that (traits, what a program on the host
would say) the test itself states; what it does not state is unknown, and an expectation that depends on it fails and
says so: nothing passes because it could not be looked at. What tests name is checked where the tree is compiled
(`reconciler.graph.assertions`); no test decides what a host is to be.
"""

from __future__ import annotations

from reconciler.expectations.running import run as run
