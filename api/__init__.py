"""The server and all its faces: REST, GraphQL, web, command line, and the gateway that agents speak to.

Layers, from the top: `app` > `rest | graphql | web | cli | gateway | workers` > `http` > `services` > `storage` >
`settings`. A face goes through services and never to storage; only storage speaks SQL. The agent is never
imported here.
"""
