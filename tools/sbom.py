"""What is in a package and what the backend is made of, as CycloneDX 1.6 JSON: for those who must know
before they install it.

The files that are given away come first, each with its hash; then the backend's packages as *Install Backend* fetches
them, from the lock, with the hashes of their files. Nothing in it depends on the day or the computer.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator

from .environments import ROOT

_LOCKS = ("pypi", "weights")
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)(?:\s*;\s*([^\\]+))?", re.MULTILINE)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_WEIGHED = (".whl", ".safetensors", ".npz", ".blend", ".flac", ".wav")
"""Endings of what is named as a part of its own: code of the add-on is one part, as a whole."""


def sbom(version: str, files: dict[str, bytes]) -> bytes:
    """The document. files: of the package, by name."""
    parts = [*_shipped(files), *_fetched()]
    ours = _component("application", "emodifftalk", version, "GPL-3.0-or-later")
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts, sort_keys=True))}",
        "version": 1,
        "metadata": {"component": ours | {"bom-ref": "emodifftalk"}},
        "components": parts,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _shipped(files: dict[str, bytes]) -> Iterator[dict]:
    for name, data in sorted(files.items()):
        if name.endswith(_WEIGHED):
            digest = hashlib.sha256(data).hexdigest()
            part = {"type": "file", "name": name, "bom-ref": name, "scope": "required"}
            yield part | {"hashes": [{"alg": "SHA-256", "content": digest}]}


def _fetched() -> Iterator[dict]:
    for lock in _LOCKS:
        text = (ROOT / "backend" / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
        pins = list(_PIN.finditer(text))
        for pin, after in zip(pins, [*pins[1:], None], strict=True):
            name, version, marker = pin.groups()
            entry = text[pin.end() : after.start() if after else len(text)]
            part = _component("library", name, version) | {"purl": f"pkg:pypi/{name}@{version}", "scope": "optional"}
            files = [
                {"type": "distribution", "url": f"https://pypi.org/project/{name}/{version}/",
                 "hashes": [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(entry)]}
            ]  # fmt: skip
            where = [{"name": "emodifftalk:where", "value": marker.strip()}] if marker else []
            yield part | {"bom-ref": part["purl"], "externalReferences": files, "properties": where}


def _component(kind: str, name: str, version: str, licence: str = "") -> dict:
    part: dict = {"type": kind, "name": name, "version": version}
    return part | {"licenses": [{"license": {"id": licence}}]} if licence else part
