"""The words: data shapes shared by the reconciler, the agent and the server.

Nothing here does I/O, and nothing here knows a database, a web framework, git or YAML. The agent imports this
package on managed hosts, so its imports stay few: Pydantic, the template engine, and cryptography in
`protocol/signing.py` alone.
"""
