"""What may stand in a config repository: one file a kind, each the shape of one kind of document.

Shapes only. Which path is of which kind, how bytes become these models and what they mean together is the reconciler's.
"""
