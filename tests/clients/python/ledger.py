"""Verifies entries and a checkpoint of a ledger, with nothing of Azora's: the tree by pymerkle, the signature by
cryptography, the forms by what C2SP and RFC 6962 say.

    ledger.py ENTRIES CHECKPOINT KEY [PROOF]
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree


def key_of(vkey):
    name, digits, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1 and len(key) == 33, "an ed25519 key"
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()
    assert digest[:4].hex() == digits, "the key's own hash"
    return name, digest[:4], Ed25519PublicKey.from_public_bytes(key[1:])


def opened(note, vkey):
    """The size and root of a checkpoint that this key signed."""
    name, digest, key = key_of(vkey)
    text, signatures = note.split("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, whose, signature = line.split(" ")
        assert dash == "\u2014"
        signature = base64.b64decode(signature, validate=True)
        if whose == name and signature[:4] == digest:
            key.verify(signature[4:], text.encode())
            break
    else:
        raise AssertionError("it is not signed by this key")
    origin, size, root = text.splitlines()
    assert origin == name
    return int(size), base64.b64decode(root, validate=True)


def main(entries, checkpoint, vkey, proof=None):
    with open(checkpoint, encoding="utf-8", newline="") as file:
        note = file.read()
    with open(vkey, encoding="utf-8") as file:
        vkey = file.read()
    size, root = opened(note, vkey)
    with open(entries, "rb") as file:
        lines = file.read().split(b"\n")
    assert lines.pop() == b"" and len(lines) == size, f"{len(lines)} entries of {size}"
    tree = InmemoryTree(algorithm="sha256")
    for line in lines:
        tree.append_entry(line)
    assert tree.get_root() == root, "the root that was signed"
    admitted = set()
    for line in lines:
        entry = json.loads(line)
        if entry["entry"] in ("admitted", "done"):
            admitted.add(entry["id"])
        if entry["entry"] == "ended":
            assert entry["act"] in admitted or entry["act"] <= json.loads(lines[0])["acts"]
    if proof is not None:
        with open(proof, encoding="utf-8") as file:
            proof = json.load(file)
        size, root = opened(proof["checkpoint"], proof["key"])
        ours = tree.prove_inclusion(proof["n"], size)
        assert tree.get_leaf(proof["n"]) == base64.b64decode(proof["leaf"])
        # Theirs begins with the leaf itself.
        path = [step.hex() for step in ours.path[1:]]
        assert path == [base64.b64decode(step).hex() for step in proof["path"]], "the path to the root"
    print(f"{size} entries, all of it")


main(*sys.argv[1:])
