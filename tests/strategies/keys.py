"""Public keys of SSH that nobody has the other half of any more."""

from __future__ import annotations

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxd85NK7XkyAB0C5GpthCnfzOx3k3fdjT1ziRFLQqDR"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3ld5HQjSSSCdeCObsH1OcguFIAkizpWfOTrW6CJFC+"
RSA = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQClPsacXZ5stuixcN/weRuoi2RnzvOXou6hF+OOUL2TogC4pQqM44XMBYoc4qa11P0dFS574PJ3"
    "dyKG02q+jhchxH3dRJKD8Bt2+tmI/XF8M3AlPZeHcKKp35XRT3fQHiSyoc98bXq546sLh2L+raEPYwJjNiAi6IdKcZHSbaO2bQ=="
)
