"""Key pairs that sign tokens, by openssl: what PyJWT needs another package for."""

import base64
import json
import subprocess

KINDS = {
    "RS256": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EdDSA": ["genpkey", "-algorithm", "ED25519"],
}


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, stdin=b""):
    return subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, check=True).stdout


def der_numbers(der):
    """r and s out of a SEQUENCE of two INTEGERs, 32 bytes each."""
    at, both = 2, b""
    for _ in range(2):
        n = der[at + 1]
        both += der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + n
    return both


class Key:
    def __init__(self, folder, kid, algorithm):
        self.kid, self.algorithm, self.path = kid, algorithm, folder / f"{kid}.pem"
        openssl(*KINDS[algorithm], "-out", self.path)

    def sign(self, text):
        if self.algorithm == "EdDSA":
            message = self.path.with_suffix(".txt")  # it is read twice, so not from a pipe
            message.write_bytes(text)
            return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", message)
        signature = openssl("dgst", "-sha256", "-sign", self.path, stdin=text)
        return der_numbers(signature) if self.algorithm == "ES256" else signature

    def token(self, header=None, **claims):
        head = {"alg": self.algorithm, "kid": self.kid} | (header or {})
        text = ".".join(url64(json.dumps(part).encode()) for part in ({k: v for k, v in head.items() if v}, claims))
        return f"{text}.{url64(self.sign(text.encode()))}"

    def public(self):
        """As a JWK."""
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.algorithm == "EdDSA":
            of_kind = {"kty": "OKP", "crv": "Ed25519", "x": url64(der[-32:])}
        elif self.algorithm == "ES256":
            of_kind = {"kty": "EC", "crv": "P-256", "x": url64(der[-64:-32]), "y": url64(der[-32:])}
        else:
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
            of_kind = {"kty": "RSA", "n": url64(bytes.fromhex(modulus)), "e": "AQAB"}
        return {"kid": self.kid, "alg": self.algorithm, "use": "sig"} | of_kind
