"""Canaries in the forms by which directories name people: Windows SIDs and names in LDAP."""

from __future__ import annotations

import pytest

from agent.redaction import Known, Redactor
from protocol.scopes import Clearance

KEY = b"k" * 32
SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
SIDS = [
    SID,
    rf"HKU\{SID}_Classes",
    rf"C:\$Recycle.Bin\{SID}\x",
    rf'{{"path": "HKU\\{SID}\\Software"}}',
    rf"one\n{SID}: logon",
    f"Security ID: {SID.lower()}",
    f"SID: {SID}",
    f"S-1-12-1-1004336348-1177238915-682003330-{2**32 - 1}",
]
NAMES = [
    "uid=jcanary,ou=people,dc=corp,dc=test",
    "UID=jcanary+cn=Jane,ou=people,o=x",
    "cn=Jane Canary,ou=people,dc=corp,dc=test",
    r"CN=Canary\, Jane,OU=Sales,DC=corp,DC=test",
    r'{"dn": "CN=Canary\\, Jane,OU=Sales,DC=corp,DC=test"}',
    "CN=Jane O'Canary , OU=Users , DC=x",
    "ldap://x/cn=Jane%20Canary,ou=people,o=x",
    "(&(uid=jcanary)(objectclass=posixAccount))",
    "(sAMAccountName=jcanary)",
    "(&(objectClass=person)(cn=Jane Canary))",
]
CLEAR = [
    "S-1-5-18 S-1-5-32-544 S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    "CN=Example Global Root CA,OU=Trust Services,O=Example Inc,C=US",
    "cn=config",
    "cn=devs,ou=groups,dc=x",
    "CN=Users,DC=x",
    "uid=1000,gid=1000,umask=0077",
    "session opened for user root(uid=0) by (uid=0)",
    "type=USER_AUTH msg=audit(1.2:3): pid=1 uid=0 auid=4294967295 ses=1",
]


def shown(text: str, level: Clearance = Clearance.R1, requester: str | None = None) -> str:
    return Redactor(level, KEY, requester=requester, known=Known()).text(text)


@pytest.mark.parametrize("text", SIDS)
def test_a_windows_account_is_a_pseudonym_below_r3(text: str) -> None:
    for level in (Clearance.R1, Clearance.R2):
        out = shown(text, level)
        assert "682003330" not in out and "winsid-" in out
        assert shown(out, level) == out
    assert shown(text, Clearance.R3) == text


@pytest.mark.parametrize("text", NAMES)
def test_a_person_in_a_directory_is_a_pseudonym_below_r3(text: str) -> None:
    for level in (Clearance.R1, Clearance.R2):
        out = shown(text, level)
        assert "canary" not in out.casefold()
        assert shown(out, level) == out
    assert shown(text, Clearance.R3) == text


@pytest.mark.parametrize("text", CLEAR)
def test_what_names_no_person_stays(text: str) -> None:
    assert shown(text) == text


def test_one_account_has_one_pseudonym_wherever_it_is_named() -> None:
    assert shown(SID) == shown(SID.lower())
    login = shown("user=jcanary").partition("=")[2]
    assert shown("uid=jcanary,ou=people,dc=x") == f"uid={login},ou=people,dc=x"
    assert shown("uid=jcanary,ou=people,dc=x", Clearance.R2, "jcanary") == "uid=jcanary,ou=people,dc=x"


def test_the_domain_of_a_directory_has_the_name_that_it_has_elsewhere() -> None:
    domain = shown("see corp.canary.test now").split()[1]
    assert shown("ou=people,dc=corp,dc=canary,dc=test") == f"ou=people,dc={domain}"
    assert shown("ou=people,dc=corp,dc=canary,dc=test", Clearance.R2) == "ou=people,dc=corp,dc=canary,dc=test"
