"""Independent seeds from one seed."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, *keys: object) -> int:
    """Derive a seed from ``seed`` and any keys, the same on every machine and Python version.

    Parameters
    ----------
    seed
        The user's ``--seed``.
    keys
        What the randomness is for: ``derive_seed(0, "shuffle", epoch)``. Compared by ``str``.

    Returns
    -------
    int
        63 bits, so that it fits every library's seed once reduced (``% 2**32`` for numpy's
        legacy and scikit-learn's ``random_state``).
    """
    text = "\x1f".join([str(int(seed)), *map(str, keys)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
