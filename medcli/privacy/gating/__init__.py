"""The parts of the gate: settings, sessions, placeholders, images, receipts. Only :mod:`medcli.privacy.gate` is for others."""
