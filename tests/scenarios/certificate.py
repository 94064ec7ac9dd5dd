"""Certificates for servers that speak TLS."""

import subprocess


def make_pair(folder, name, *others):
    """A self-signed certificate for `name` and its key: FOLDER/NAME.pem, .key. others: as "IP:127.0.0.1"."""
    names = ["-addext", f"subjectAltName={','.join(others)}"] if others else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", *names, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                   check=True, capture_output=True)
