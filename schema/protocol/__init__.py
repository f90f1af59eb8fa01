"""The agent channel: what the server and an agent say to each other, and what of it is signed.

The server never imports the agent, nor the agent the server: they meet here. Message fields a receiver does not know
are ignored; fields of a signed thing that it does not know are refused.
"""
