"""Addresses of object stores and files: none may hold what only its owner should know."""

from __future__ import annotations

import re

from pybmfm.core.errors import UserError

# A name and password before the @, as in Nextflow's hasCredentials; abfs has a container there.
_USER = re.compile(
    r"\b(?!abfss?:)[a-z][a-z0-9+.-]*://[^/?#\s]*@|://[^/?#\s]*:[^/?#\s]*@", re.IGNORECASE
)
_QUERY = re.compile(
    r"://\S*[?&][^=&\s]*"
    r"(signature|credential|token|password|secret|(access|api)_?key|\bsig)[^=&\s]*=",
    re.IGNORECASE,
)


def check_address(text: str, option: str) -> None:
    """Refuse an address that holds a key, password or signature: it would end in manifests.

    Parameters
    ----------
    text
        A path or address.
    option
        Where it was given, for the message, which does not repeat the address.

    Raises
    ------
    UserError
        If there is one.
    """
    if _USER.search(text) or _QUERY.search(text):
        raise UserError(
            f"{option} holds a key, password or signature in its address, which would end in "
            "manifests and logs",
            remedy="leave it out and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (S3), "
            "GOOGLE_APPLICATION_CREDENTIALS (Google) or AZURE_STORAGE_KEY (Azure)",
        )
