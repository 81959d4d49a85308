"""The parts of the gate: tokens, vault, restoring, images, receipt. Only :mod:`medcli.privacy.gate` is for others."""
