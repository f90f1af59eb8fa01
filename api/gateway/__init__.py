"""The agents' listener: mutual TLS on a port of its own, one WebSocket per agent, objects over HTTPS beside it.

Identity comes from the client certificate and from nothing else; whether that certificate still counts is looked up on
every connection, since TLS cannot know. Holds connections and limits; what a message means for the fleet is decided in
the services, reached through the `Fleet` port.
"""

from __future__ import annotations

from api.gateway.fleet import Fleet, Peer
from api.gateway.gateway import Gateway

__all__ = ["Fleet", "Gateway", "Peer"]
