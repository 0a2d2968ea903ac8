"""Whom to trust, and who we are, for connections over TLS."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from etl.errors import ConfigError
from etl.obi.connection import Connection
from etl.settings import refuse_open_file


def tls_of(connection: Connection) -> ssl.SSLContext | bool:
    """The context of every connection, True for the library's own with the system's authorities.

    Raises ConfigError for certificates or a key that can't be read or do not fit together, and for a key
    that everyone may read.
    """
    if connection.client_key and not connection.client_cert:
        raise ConfigError("There is a key and no certificate; set OBI_CLIENT_CERT as well.")
    if not connection.ca_bundle and not connection.client_cert:
        return True
    context = _trusting(connection.ca_bundle)
    if connection.client_cert:
        _identify(context, connection)
    return context


def _trusting(ca_bundle: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle or None)
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror if not isinstance(error, ssl.SSLError) else None
        raise ConfigError(
            f"The certificates in {ca_bundle} can't be read ({why or 'no PEM file'}); mend OBI_CA_BUNDLE."
        ) from None


def _identify(context: ssl.SSLContext, connection: Connection) -> None:
    certificate, key = connection.client_cert, connection.client_key
    asked = False

    def password() -> bytes:
        """Asked for an encrypted key only; without this, OpenSSL would ask on the terminal."""
        nonlocal asked
        asked = True
        return connection.client_key_password.encode()

    for path, name in ((certificate, "OBI_CLIENT_CERT"), (key or certificate, "OBI_CLIENT_KEY")):
        if not os.path.isfile(path):  # noqa: PTH113  -- Path.is_file raises where a folder is closed to us
            raise ConfigError(f"The file {path} that {name} names is not there.")
    refuse_open_file(Path(key or certificate), what="file with the client's key")
    try:
        context.load_cert_chain(certificate, key or None, password)
    except ssl.SSLError as error:
        if asked:
            wrong = "is wrong" if connection.client_key_password else "is missing"
            raise ConfigError(
                f"The client's key is encrypted and its password {wrong}; set OBI_CLIENT_KEY_PASSWORD or "
                "OBI_CLIENT_KEY_PASSWORD_FILE."
            ) from None
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                "The client's certificate and key do not belong together; mend OBI_CLIENT_CERT and "
                "OBI_CLIENT_KEY."
            ) from None
        where = "both in one file" if not key else "one in each of the two files"
        raise ConfigError(
            f"The client's certificate and key can't be read: PEM is wanted, {where}; mend OBI_CLIENT_CERT "
            "and OBI_CLIENT_KEY."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a password beyond what OpenSSL takes
        why = getattr(error, "strerror", None) or "its password is too long"
        raise ConfigError(f"The client's certificate or key can't be read ({why}).") from None
