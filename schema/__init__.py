"""The words: data shapes shared by the reconciler, the agent and the server.

Nothing here does I/O, and nothing here knows a database, a web framework, git or YAML. The agent imports this
package on managed hosts, so its imports stay few: Pydantic, RE2 for patterns, and cryptography in
`protocol/signing.py` and `protocol/sealing.py` alone.
"""
