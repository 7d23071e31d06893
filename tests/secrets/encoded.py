# SPDX-License-Identifier: Apache-2.0
"""Secrets that are encoded where they stand: base64, percent signs, JWTs, private keys."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from tests.secrets.making import Canary, letters

__all__ = ("encoded",)


def encoded() -> Iterator[Canary]:
    """Yield all canaries whose secret is computed, or is encoded in its text."""
    yield from _base64()
    yield from _percent()
    yield from _jwts()
    yield from _keys()


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _base64() -> Iterator[Canary]:
    forms = {
        "basic_header": ("observer:{}", "Authorization: Basic {}"),
        "basic_header_lower_case": ("observer:{}", "authorization: basic {}"),
        "basic_header_python": ("observer:{}", "headers = {{'Authorization': 'Basic {}'}}"),
        "proxy_basic_header": ("svc:{}", "Proxy-Authorization: Basic {}"),
        "docker_config_auth": ("robot$build:{}", '{{"auths": {{"cr.example.org": {{"auth": "{}"}}}}}}'),
        "quay_config_auth": (
            "rubin+ci:{}",
            '{{\n\t"auths": {{\n\t\t"quay.example.org": {{\n\t\t\t"auth": "{}"\n\t\t}}\n\t}}\n}}',
        ),
        "npmrc_auth_base64": ("deploy:{}", "//nexus.example.org/repository/npm/:_auth={}"),
        "kubernetes_secret": ("{}", "kind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  password: {}\n"),
        "kubernetes_secret_data": ("{}", "apiVersion: v1\nkind: Secret\ndata:\n  db-auth.yaml: {}\n  user: b2Jz\n"),
        "git_config_basic_header": (
            "x-access-token:{}",
            "http.https://github.com/.extraheader=AUTHORIZATION: basic {}",
        ),
        "neptune_token": ('{{"api_address":"https://app.neptune.ai","api_key":"{}"}}', "NEPTUNE_API_TOKEN={}"),
    }
    for name, (inner, outer) in forms.items():
        secret = letters("w", 24, random.Random(name))
        yield Canary(name, secret, outer.format(_b64(inner.format(secret))))


def _percent() -> Iterator[Canary]:
    def password(name: str, special: str) -> str:
        first, last = (letters("w", 10, random.Random(name + part)) for part in "ab")
        return first + special + last

    forms = {
        "postgresql_url_percent": ("@/:#?", "postgresql://rubin:{}@db.example.org/registry"),
        "sqlalchemy_url_percent": ("%&= ", "mysql+mysqlconnector://qserv:{}@127.0.0.1/x"),
        "mongodb_url_percent": ("$@", "mongodb://sky:{}@m0.example.org:27017,m1.example.org:27017/?replicaSet=r"),
        "form_body_percent": ("&+ ", "grant_type=password&username=x&password={}&scope=all"),
    }
    for name, (special, outer) in forms.items():
        secret = password(name, special)
        yield Canary(name, secret, outer.format(quote(secret, safe="")))
    for name, special in {"at": "@", "colon": ":", "two_ats": "@x@"}.items():
        secret = password(name, special)
        yield Canary(f"url_raw_{name}", secret, f"mysql+pymysql://qserv:{secret}@127.0.0.1:3306/meta")
    secret = password("odbc_url", ";}")
    dsn = f"DRIVER={{ODBC Driver 18}};SERVER=db;UID=sa;PWD={{{secret}}}"
    yield Canary("odbc_in_a_url", secret, f"mssql+pyodbc:///?odbc_connect={quote_plus(dsn)}")


def _jwts() -> Iterator[Canary]:
    now = 1795420800
    claims: dict[str, dict[str, object]] = {
        "scitoken": {"iss": "https://cilogon.org/rubin", "scope": "read:/ write:/u", "ver": "scitoken:2.0"},
        "wlcg_token": {"wlcg.ver": "1.0", "iss": "https://atlas-auth.cern.ch/", "scope": "storage.read:/"},
        "condor_idtoken": {"iss": "htcondor.example.org", "sub": "condor@pool"},
        "slurm_jwt": {"sun": "observer"},
        "kubernetes_jwt": {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:x:default"},
        "oidc_jwt": {"iss": "https://accounts.google.com", "email": "observer@example.org"},
    }
    forms = {
        "scitoken": "BEARER_TOKEN={}",
        "wlcg_token": "root://xrootd.example.org//rubin/a.fits?authz=Bearer%20{}",
        "condor_idtoken": "{}",
        "slurm_jwt": "SLURM_JWT={}",
        "kubernetes_jwt": "    token: {}\n",
        "oidc_jwt": '{{"id_token": "{}", "expires_in": 3600}}',
    }
    for name, known in claims.items():
        rng = random.Random(name)
        payload = json.dumps({**known, "jti": letters("v", 0, rng), "exp": now}).encode()
        header = json.dumps({"alg": "ES256", "kid": letters("h", 4, rng), "typ": "JWT"}).encode()
        first, second = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload))
        token = f"{first}.{second}.{letters('s', 86, rng)}"
        # From the token's own id on: what stands before is the same in all tokens of its issuer.
        secret = token[len(first) + 1 + len(json.dumps(known)) * 4 // 3 + 8 :]
        yield Canary(name, secret, forms[name].format(token))


_KINDS = {
    "rsa_key": ("RSA PRIVATE KEY", "308204a40201000282010100", 600),
    "ec_key": ("EC PRIVATE KEY", "307702010104", 115),
    "dsa_key": ("DSA PRIVATE KEY", "308201bb02010002818100", 440),
    "pkcs8_key": ("PRIVATE KEY", "308204bd020100300d06092a864886f70d0101010500048204a7", 600),
    "pkcs8_encrypted_key": ("ENCRYPTED PRIVATE KEY", "308205243056", 600),
    "openssh_key": ("OPENSSH PRIVATE KEY", "6f70656e7373682d6b65792d763100000000046e6f6e65", 380),
    "ssh2_key": ("SSH2 ENCRYPTED PRIVATE KEY", "3f6ff9eb", 300),
    "pgp_key": ("PGP PRIVATE KEY BLOCK", "95058604", 500),
}
"""Label, first bytes (of the public header, in hexadecimal) and length of each kind of private key."""


def _block(name: str, label: str, first: str, length: int, *headers: str) -> tuple[str, str]:
    """Return an armoured block, and what is secret of it: all after the bytes that its kind begins with."""
    body = base64.b64encode(bytes.fromhex(first) + random.Random(name).randbytes(length)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    text = "\n".join((f"-----BEGIN {label}-----", *headers, lines, f"-----END {label}-----", ""))
    return text, lines[len(first) * 2 // 3 + 2 :]


def _keys() -> Iterator[Canary]:
    for name, (label, first, length) in _KINDS.items():
        headers = ("",) if name == "pgp_key" else ()
        text, secret = _block(name, label, first, length, *headers)
        yield Canary(name, secret, text)
    legacy = ("Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,6F1C3A5E7D9B20418C4E6A7B9D0F1E2C", "")
    text, secret = _block("rsa_key_encrypted", "RSA PRIVATE KEY", "", 300, *legacy)
    yield Canary("rsa_key_encrypted", secret, text)
    yield from _keys_elsewhere()


def _keys_elsewhere() -> Iterator[Canary]:
    certificate, _ = _block("proxy_certificate", "CERTIFICATE", "30820350", 500)
    key, secret = _block("x509_proxy", *_KINDS["rsa_key"])
    yield Canary("x509_proxy", secret, certificate + key + certificate)
    key, secret = _block("gcp_service_account", *_KINDS["pkcs8_key"])
    account = {"type": "service_account", "project_id": "sky", "private_key": key, "client_email": "x@sky.iam"}
    yield Canary("gcp_service_account", secret, json.dumps(account, indent=2))
    key, secret = _block("kubeconfig_client_key", *_KINDS["ec_key"])
    user = f"users:\n- name: sky\n  user:\n    client-certificate-data: {_b64(certificate)}\n    client-key-data: "
    yield Canary("kubeconfig_client_key", secret, user + _b64(key) + "\n")
    key, secret = _block("yaml_tls_key", *_KINDS["ec_key"])
    yield Canary("yaml_tls_key", secret, "tls:\n  key: |\n" + "".join(f"    {line}\n" for line in key.splitlines()))
    key, secret = _block("env_tls_key", *_KINDS["ec_key"])
    yield Canary("env_tls_key", secret, 'TLS_KEY="{}"'.format(key.replace("\n", "\\n")))
    key, secret = _block("key_cut_off", *_KINDS["rsa_key"])
    yield Canary("key_cut_off", secret[:400], key[: key.index(secret) + 400])
    rng = random.Random("others")
    putty = "\n".join(letters("b", 64, rng) for _ in range(4))
    public = "Comment: rsa-key\nPublic-Lines: 1\nAAAAB3NzaC1yc2EAAAADAQABAAAB\n"
    head = f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n{public}"
    yield Canary("putty_key", putty, f"{head}Private-Lines: 4\n{putty}\nPrivate-MAC: {letters('h', 64, rng)}\n")
