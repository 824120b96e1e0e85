"""Canaries of people, networks and business data at each clearance, and how pseudonyms behave."""

from __future__ import annotations

import json

import pytest

from agent.redaction import FactClass, Known, Person, Redactor
from protocol.scopes import Clearance

KEY = b"k" * 32
KNOWN = Known(
    people=(
        Person("mcanary", "María Canary Núñez", "/home/mcanary"),
        Person("jdoe", "John Doeson", "/home/jdoe"),
    ),
    hosts=("pc-canary", "pc-canary.corp.canarias.test"),
)
PERSON_TEXTS = [
    "user mcanary logged in",
    "session opened for user mcanary(uid=1001) by (uid=0)",
    "María Canary Núñez called",
    "MARÍA CANARY NÚÑEZ",
    json.dumps("María Canary Núñez"),
    "Canary, María",
    "mail to m.canary@example.org bounced",
    "mail to m.canary%40example.org bounced",
    "from=<m.canary@example.org>",
    "/home/mcanary/.config/app",
    "file:///home/mcanary/.cache",
    r"C:\Users\mcanary\AppData",
    r"C:\\Users\\mcanary\\AppData",
    "/Users/mcanary/Library",
    "%2Fhome%2Fmcanary%2Fbin",
    "backup-mcanary.tar",
    "backup_mcanary_2",
    "uid=1001(mcanary) gid=1001(mcanary)",
    "sudo: mcanary : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
    "CRON[77]: (mcanary) CMD (true)",
]
UNKNOWN_PEOPLE = [
    "Failed password for invalid user ghostcanary from 10.0.0.1 port 1 ssh2",
    "Failed password for ghostcanary from 10.0.0.1 port 1 ssh2",
    "Accepted publickey for ghostcanary from 10.0.0.1",
    "Invalid user ghostcanary from 10.0.0.1",
    "user=ghostcanary",
    "ruser=ghostcanary rhost=x",
    '{"username": "ghostcanary"}',
    "New session 3 of user ghostcanary.",
    "/home/ghostcanary",
]
PHONES = ["+34 612 345 678", "+1 (555) 123-4567", "tel: 912345678", "612 345 678", "555-123-4567"]
NETWORK_TEXTS = [
    ("from 10.77.66.55 port 22", "10.77.66.55"),
    ("[10.77.66.55]:22", "10.77.66.55"),
    ("10.77.66.55/24 dev eth0", "10.77.66.55"),
    ("ip-10-77-66-55.internal", "10-77-66-55"),
    ("addr 2001:db8:77::66 ok", "2001:db8:77::66"),
    ("addr 2001:db8:77:1:2:3:4:66 ok", "77:1:2:3"),
    ("::ffff:10.77.66.55", "77.66"),
    ("::ffff:10.77.66.55:443 -", "77.66"),
    ("tcp6 [::ffff:10.77.66.55]:22", "77.66"),
    ("64:ff9b::10.77.66.55", "77.66"),
    ("fe80::a00:27ff:fe77:66a1%eth0", "fe77:66a1"),
    ("link aa:bb:cc:77:66:55 up", "77:66:55"),
    ("link AA-BB-CC-77-66-55 up", "77-66-55"),
    ("link aabb.cc77.6655 up", "cc77.6655"),
    ("enxaabbcc776655: up", "776655"),
    ("wlxaabbcc776655: up", "776655"),
    ("/org/bluez/hci0/dev_AA_BB_CC_77_66_55 lost", "77_66_55"),
    ("query 6.6.7.7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR", "7.7.0.0.0.8"),
    ("Nov 21 10:00:00 pc-canary kernel: x", "canary"),
    ("pc-canary.corp.canarias.test said", "canar"),
    ("mail.canary-corp.com answered", "canary"),
    ("https://canary.berlin/x", "canary"),
    ("http://canaryhost:8080/", "canary"),
    ("realm CANARY.LOCAL", "CANARY"),
    ("ssid=CanaryNet", "Canary"),
    ('ESSID:"Canary Net"', "Canary"),
    ("(SSID='CanaryNet' freq=2437 MHz)", "Canary"),
    ("Config: added 'ssid' value 'CanaryNet'", "Canary"),
    ("Serial Number: CANARY77X", "CANARY"),
    ("ID_SERIAL_SHORT=CANARY77X", "CANARY"),
    ("/dev/disk/by-id/ata-Samsung_SSD_860_CANARY77X-part1", "CANARY"),
]


def redactor(clearance: Clearance, requester: str | None = None) -> Redactor:
    return Redactor(clearance, KEY, requester=requester, known=KNOWN)


@pytest.mark.parametrize("text", PERSON_TEXTS)
def test_a_person_is_a_pseudonym_for_r1_and_r2_and_clear_for_r3(text: str) -> None:
    for clearance in (Clearance.R1, Clearance.R2):
        assert "canary" not in redactor(clearance).text(text).casefold().replace("pc-canary", "")
    assert redactor(Clearance.R3).text(text) == text


@pytest.mark.parametrize("text", UNKNOWN_PEOPLE)
def test_a_person_the_machine_does_not_know_is_known_by_the_words_around(text: str) -> None:
    for clearance in (Clearance.R1, Clearance.R2):
        assert "ghostcanary" not in redactor(clearance).text(text)


@pytest.mark.parametrize("phone", PHONES)
def test_phone_numbers_are_hidden_from_r1_and_r2(phone: str) -> None:
    for clearance in (Clearance.R1, Clearance.R2):
        clean = redactor(clearance).text(f"call {phone} now")
        assert phone.removeprefix("tel: ") not in clean
        assert "phone-" in clean


@pytest.mark.parametrize(("text", "canary"), NETWORK_TEXTS)
def test_the_network_is_hidden_from_r1_and_clear_for_r2_and_r3(text: str, canary: str) -> None:
    machine = Known(hosts=KNOWN.hosts)
    assert canary not in Redactor(Clearance.R1, KEY, known=machine).text(text)
    assert Redactor(Clearance.R2, KEY, known=machine).text(text) == text
    assert redactor(Clearance.R3).text(text) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_identifiers_in_utf_16_are_hidden(encoding: str) -> None:
    data = "mcanary at 10.77.66.55 and pc-canary".encode(encoding)
    clean = redactor(Clearance.R1).data(data).replace("\0", "")
    assert "canary" not in clean
    assert "10.77.66.55" not in clean


def test_the_requesters_own_identifiers_are_clear_for_r2_and_nobody_elses() -> None:
    text = "mcanary (María Canary Núñez) and jdoe (John Doeson) in /home/mcanary and /home/jdoe"
    clean = redactor(Clearance.R2, "mcanary").text(text)
    assert "mcanary (María Canary Núñez)" in clean
    assert "/home/mcanary" in clean
    assert "jdoe" not in clean
    assert "Doeson" not in clean
    assert "mcanary" not in redactor(Clearance.R1, "mcanary").text(text)


@pytest.mark.parametrize("clearance", [Clearance.R1, Clearance.R2])
def test_what_a_user_calls_their_files_is_masked_for_r1_and_r2(clearance: Clearance) -> None:
    one = redactor(clearance, "mcanary")
    for text in (
        "/home/mcanary/Documents/canary-payroll.pdf",
        "open '/home/mcanary/plan/payroll.xlsx'",
        "open '/home/mcanary/my plan/payroll.xlsx'",
        'open "/home/mcanary/my plan for payroll"',
        "rm /home/mcanary/My plan payroll.pdf: no such file",
        r"C:\Users\mcanary\Desktop\canary-payroll.docx",
    ):
        clean = one.text(text)
        assert "payroll" not in clean
    for path in (
        "/home/mcanary/canary plan/payroll march.xlsx",
        "/media/usb/canary/payroll.xlsx",
        "canary payroll.xlsx",
    ):
        clean = one.name(path)
        assert "payroll" not in clean
        assert "canary" not in clean.replace("/home/mcanary", "")
        assert clean.endswith(".xlsx")
    assert one.value("canary payroll", FactClass.BUSINESS) == "<masked>"
    assert redactor(Clearance.R3).value("canary payroll", FactClass.BUSINESS) == "canary payroll"


def test_paths_of_the_system_stay() -> None:
    for path in ("/var/log/syslog.1", "/etc/nginx/nginx.conf", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/"):
        assert redactor(Clearance.R1).name(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "systemd[1]: Started nginx.service - A high performance web server.",
        "12:34:56 up 3 days, load 0.10 0.20 0.30",
        "2026-11-21T10:00:00.123456+01:00",
        "kernel: usb 1-1: new high-speed USB device number 4 using xhci_hcd",
        "Unpacking libssl3:amd64 (3.0.15-1~deb12u1) over (3.0.14-1~deb12u2) ...",
        "python3.11 config.py setup.cfg main.c lib.rs a.so.1 README.md",
        "error 0x80070005 at std::vector::at",
        "127.0.0.1:631 ::1 localhost 0.0.0.0 255.255.255.0 224.0.0.251 169.254.1.1 fe80::1",
        "root postgres www-data systemd-network",
        "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00",
        "org.freedesktop.systemd1.Manager com.example.Thing",
        "deb.debian.org security.ubuntu.com",
        "java.io.IOException: x at com.foo.Bar.baz(Bar.java:10)",
        "memory 1024 2048 4096 kB; exit status 137; PID 4711",
        "total 123456 blocks, 99% used, 1.5GiB/s",
        "user@1000.service user-1000.slice session-3.scope",
        "Unpacking alsa-topology-conf (1.2.5.1-2) ... alsa_1.2.5.1-2_all.deb",
        "initdb --auth-local peer --auth-host scram-sha-256",
        "passwd:         files systemd",
        "Adding 'diversion of /usr/share/x to /usr/share/x.tiny by vim-runtime'",
        "# Set up user limits from /etc/security/limits.conf.",
        "used to change user passwords. per-user basis",
    ],
)
def test_technical_facts_stay_clear_for_everybody(text: str) -> None:
    assert redactor(Clearance.R1).text(text) == text


def test_a_pseudonym_is_the_same_in_every_place_and_channel_of_a_ticket() -> None:
    one, other = redactor(Clearance.R1), redactor(Clearance.R1)
    token = one.text("user mcanary").split()[1]
    assert token.startswith("user-")
    assert token in other.text("MCANARY was here")
    assert other.value("mcanary", FactClass.PERSON) == token
    assert token in other.text("/home/mcanary")
    host = one.text("host pc-canary").split()[1]
    assert other.value("pc-canary", FactClass.NETWORK) == host
    assert (
        other.text("see pc-canary.corp.canarias.test")
        .split()[1]
        .endswith(one.text("x canarias.test").split()[1])
    )


def test_another_tickets_key_gives_other_pseudonyms() -> None:
    text = "mcanary 10.77.66.55 pc-canary aa:bb:cc:77:66:55"
    one = Redactor(Clearance.R1, b"a" * 32, known=KNOWN).text(text).split()
    other = Redactor(Clearance.R1, b"b" * 32, known=KNOWN).text(text).split()
    assert all(first != second for first, second in zip(one, other, strict=True))


def test_topology_is_kept_one_prefix_per_subnet_and_one_number_per_machine() -> None:
    one = redactor(Clearance.R1)
    same = [one.text(f"10.77.66.{host}") for host in range(256)]
    assert len({token.partition(".")[0] for token in same}) == 1
    assert len(set(same)) == 256
    assert one.text("10.77.67.1").partition(".")[0] != same[1].partition(".")[0]
    six = {one.text("2001:db8:77:1::1").partition(".")[0], one.text("2001:db8:77:1::2").partition(".")[0]}
    assert len(six) == 1
    assert one.text("10.77.66.55/24").endswith("/24")


def test_typed_facts_follow_their_class() -> None:
    one, two = redactor(Clearance.R1), redactor(Clearance.R2)
    assert one.value({"a": ["mcanary", "root"]}, FactClass.PERSON)["a"][1] == "root"
    assert "canary" not in str(one.value({"a": ["mcanary", "root"]}, FactClass.PERSON))
    assert one.value("CanaryNet", FactClass.NETWORK) != "CanaryNet"
    assert two.value("CanaryNet", FactClass.NETWORK) == "CanaryNet"
    assert one.value("eth0", FactClass.NETWORK) == "eth0"
    assert one.value("0.0.0.0", FactClass.NETWORK) == "0.0.0.0"
    assert one.value("1.2.3.4-1", FactClass.TECHNICAL) == "1.2.3.4-1"
    assert one.value("10.1.2.3", FactClass.TECHNICAL) == "10.1.2.3"
    assert one.value(17, FactClass.NETWORK) == 17
    assert one.value(None, FactClass.SECRET) is None
    assert one.value("hunter2", FactClass.SECRET) == "<secret:value>"
    assert one.value(1234, "secret") == "<secret:value>"
    assert "canary" not in one.value("password=Zcanary1", FactClass.TECHNICAL)
    assert "canary" not in redactor(Clearance.R3).value("password=Zcanary1", FactClass.NETWORK)


def test_names_of_accounts_that_belong_to_programs_are_no_people() -> None:
    known = Known(people=(Person("debian", "Debian"), Person("user", ""), Person("pi", "")))
    text = "debian user pi installed debian packages"
    assert Redactor(Clearance.R1, KEY, known=known).text(text) == text
