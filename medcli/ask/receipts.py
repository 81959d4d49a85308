"""The gate's receipt of a run: what was let through and what was not, in counts, beside the ledger.

Knows the answers file and the gate's versions. Holds no text; what was asked stands in it as one HMAC under the run's
own key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

from medcli import files
from medcli.ask.admission import REFUSED
from medcli.ask.spec import AskSpec
from medcli.privacy.gate import Gate

FILE = "gate.json"
_KEY = "gate.key"
_FORMAT = 1


def key_of(folder: Path) -> bytes:
    """Return the run's key, made on first use and its owner's alone."""
    path = folder / _KEY
    if not path.exists():
        files.write(path, secrets.token_bytes(32), mode=0o600)
    return path.read_bytes()


def write_receipt(folder: Path, spec: AskSpec, gate: Gate) -> dict[str, Any]:
    """Write the receipt of a finished run into its folder.

    Returns
    -------
    dict
        Its content.
    """
    assert spec.output is not None
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("refused", "found", "answer", "pixels")}
    passed = 0
    digest = hmac.new(key_of(folder / "plan"), digestmod=hashlib.sha256)
    with spec.output.open("rb") as stream:
        for line in stream:
            row = json.loads(line)
            metadata = row["metadata"]
            error = metadata.get("error", "")
            if error.startswith(REFUSED):
                counts["refused"][error] += 1
            passed += "gate" in metadata
            for name in ("found", "answer", "pixels"):
                counts[name].update(metadata.get("gate", {}).get(name, {}))
            digest.update(json.dumps([row["answer_id"], row["prompt"]]).encode())
    content: dict[str, Any] = {
        "format": _FORMAT,
        "choice": spec.gate,
        "applied": gate.applies,
        "backend": "remote" if gate.remote else "local",
        "policy": {"pixels": spec.gate_pixels, "detectors": [one.partition(":")[0] for one in spec.detector]},
        "versions": gate.version,
        "passed": passed,
        **{name: dict(sorted(found.items())) for name, found in counts.items()},
        "requests": digest.hexdigest(),
    }
    files.write(folder / FILE, json.dumps(content, indent=2) + "\n", mode=0o600)
    return content
