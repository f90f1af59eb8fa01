"""Programs of the host, one module each, and what several resource types share. No resource type is known here."""
