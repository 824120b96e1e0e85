"""Canaries of secrets in every channel: none may survive at any clearance."""

from __future__ import annotations

import base64
import json

import pytest

from agent.redaction import Known, Redactor, residual
from protocol.errors import Code, RelevoError
from protocol.scopes import Clearance

KEY = b"k" * 32
CANARY = "Zk9canary#77x"
"""A password with upper, lower, digit and a sign, as a person would choose it."""
TOKEN = "zKc4n4ry00000000TOKEN11112222333344445555"
BODY = "\n".join(
    ["MIIEpAIBAAKCAQEAcanaryKeyBody0123456789abcdefghijklmnopqrstuvwxyz+/"] * 4 + ["cAnArYtail=="]
)
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"

FORMS = [
    "password={}",
    "password = {}",
    "Password: {}",
    "db.password={}",
    "DB_PASSWORD={}",
    "export PGPASSWORD={}",
    "MYSQL_PWD={}",
    "passwd: {}",
    "passphrase='{}'",
    'password="{}"',
    '{{"password": "{}"}}',
    '{{"user":"x","password":"{}","z":1}}',
    r"{{\"password\": \"{}\"}}",
    r"{{\\\"password\\\": \\\"{}\\\"}}",
    "{{'password': '{}'}}",
    "<password>{}</password>",
    "<db:Password>{}</db:Password>",
    '<add key="Password" value="{}"/>',
    '<entry name="dbPassword">{}</entry>',
    "<key>Password</key><string>{}</string>",
    '{{"name":"DB_PASSWORD","value":"{}"}}',
    "password => '{}',",
    "clave: {}",
    "contraseña: {}",
    "api_key={}",
    "api-key: {}",
    "apikey={}",
    "client_secret={}",
    "secret: {}",
    "token={}",
    "access_token={}&next=1",
    "aws_secret_access_key = {}",
    "https://example.com/?access_token={}&x=1",
    "https://user:{}@example.com/x",
    "postgres://app:{}@db/app",
    r"https:\/\/user:{}@example.com\/x",
    "redis://:{}@cache:6379/0",
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "authorization={}",
    '"Authorization": "Token {}"',
    "Proxy-Authorization: Digest {}",
    "Cookie: a=1; session={}",
    "Set-Cookie: sid={}; HttpOnly",
    "X-Api-Key: {}",
    "X-Auth-Token: {}",
    "PHPSESSID={}",
    "sessionid={}",
    "csrftoken={}",
    "mysql -u root -p{} shop",
    "mysqldump --password={} shop",
    "cmd --password {} --verbose",
    "cmd --db-password {} -v",
    "cmd --token {} -v",
    "sshpass -p {} ssh host",
    "curl -u user:{} https://example.com",
    "curl --user user:{} https://example.com",
    "smbclient //srv/x -U user%{}",
    "ldapsearch -x -w {} -b dc=x",
    "redis-cli -a {} ping",
    "openssl rsa -passin pass:{} -in k",
    "Server=db;User Id=sa;Password={};Database=x",
    "AccountKey={};EndpointSuffix=core",
    "requirepass {}",
    "machine h login u password {}",
    "rocommunity {} default",
    "snmp-server community {} RO",
    "snmpwalk -v2c -c {} 10.0.0.1",
    "snmpwalk -v2c -c{} 10.0.0.1",
    "com2sec readonly default {}",
    'psk="{}"',
    "wpa_passphrase={}",
    "802-11-wireless-security.psk: {}",
    "    Key Content            : {}",
    "wep_key0={}",
    "otpauth://totp/x?secret={}",
    "otp_seed={}",
    "IDENTIFIED BY '{}'",
    "ALTER USER x WITH PASSWORD '{}'",
    "the password is '{}'",
    "la contraseña es {}",
    "mount -o username=u,password={},vers=3",
    "pin={}",
    "db:5432:shop:app:{}",
    "[smtp.example.com]:587 user@example.com:{}",
]
MORE_FORMS = [
    "{{&quot;password&quot;:&quot;{}&quot;}}",
    "password%3D{}",
    "password%3A%20{}",
    '"password" : "{}"',
    '"password":["{}"]',
    '"passwords":["{}","b"]',
    "(password={})",
    "Password for user x: {}",
    "password=\x1b[31m{}",
    "spring.datasource.password={}",
    '"secretKey":"{}"',
    '"apiKey":"{}"',
    "X-Goog-Api-Key: {}",
    "Api-Key: {}",
    '["Cookie","a={}"]',
    "('Authorization', 'Bearer {}')",
    "(b'authorization', b'Bearer {}')",
    "'Cookie': 'sid={}'",
    '"headers":{{"authorization":["Bearer {}"]}}',
    "aws_session_token={}",
    "MYSQL_ROOT_PASSWORD: {}",
    "password\t{}",
    "contraseña\xa0:\xa0{}",
    "auth-token: {}",
    "x_api_key={}",
    "jwt={}",
    "basic_auth: admin:{}",
    "username/password: admin/{}",
    "login admin with password {}",
    "--pass={}",
    "-Dpassword={}",
    "--header=Authorization:{}",
    "password='it''s {}'",
    'password="a\\"{}"',
    "password=`{}`",
    "password: !vault {}",
    "PASSWORD {}",
    "User password set to {}",
    "new password: {}",
    "NEW_PASSWORD=[{}]",
    "passwd={{{}}}",
    'secret = b"{}"',
    "DATABASE_URL=mysql://root:{}@db/x",
    "amqp://guest:{}@q",
    "AWS_SECRET_ACCESS_KEY={}",
    "SecretAccessKey: {}",
    '"client_secret" => "{}"',
    "ftp_pass = {}",
    "smtp.pass: {}",
    "rootpw --plaintext {}",
    "grub password_pbkdf2 root {}",
    "password,{}",
    "pw: {}",
    "credentials: admin:{}",
    "ldap_bind_password={}",
    "PIN: {}",
    "otp: {}",
    "Wi-Fi password: {}",
    "wpa-psk {}",
    "psk={}",
    "SNMP community: {}",
    "auth: plain {}",
    "sasl_password={}",
    "private-key: {}",
    "encryptionKey={}",
    "license key: {}",
    "GITHUB_TOKEN={}",
    "docker login -u me -p {} reg",
    "git clone https://{}@github.com/x",
    "svn --password {}",
    "net use Z: \\\\srv\\x {} /user:me",
    "echo {} | sudo -S ls",
    'echo "{}" | passwd --stdin me',
    "useradd -p {} me",
    "htpasswd -b f u {}",
    'chpasswd <<< "me:{}"',
    'psql "host=x password={} user=y"',
    "sqlcmd -S s -U u -P {}",
    'expect "assword:" send "{}"',
    "zip -P {} a.zip",
    "openssl enc -k {} -in x",
    "gpg --passphrase {} -d x",
    "keytool -storepass {} -list",
    "nmcli dev wifi connect Home password {}",
    "iwconfig wlan0 key s:{}",
    "AccessKeyId={}&Signature={}",
    "sig={}",
    "?code={}&state=1",
    "token {}",
    "Token: {}",
    "Bearer {}",
    "api key is {}",
    "PRIVATE-TOKEN: {}",
]
"""Found by trying to get a secret past the rules; with a password of letters and digits."""


def redactor(clearance: Clearance = Clearance.R3) -> Redactor:
    return Redactor(clearance, KEY, known=Known())


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_does_not_survive_in_any_form_it_is_written_in(form: str) -> None:
    text = f"before\n{form.format(CANARY)}\nafter"
    clean = redactor().text(text)
    assert "canary" not in clean
    assert clean.startswith("before\n")
    assert clean.endswith("\nafter")
    assert "<secret:" in clean


@pytest.mark.parametrize("form", MORE_FORMS)
def test_a_secret_does_not_survive_in_forms_that_were_tried_against_the_rules(form: str) -> None:
    clean = redactor().text(form.replace("{}", "Zk9canary77x").replace("{{", "{").replace("}}", "}"))
    assert "canary" not in clean
    residual(clean.encode())


FORMS_OF_LINES = [
    form for form in FORMS if not form.startswith(("db:", "[smtp", "requirepass", "export", "    Key"))
]
"""The others are forms of configuration files, not of log lines."""


@pytest.mark.parametrize("form", FORMS_OF_LINES)
def test_a_secret_does_not_survive_after_a_log_prefix(form: str) -> None:
    line = f"Nov 21 10:00:00 host app[12]: request {form.format(CANARY)}"
    assert "canary" not in redactor().text(line)


@pytest.mark.parametrize("clearance", list(Clearance))
def test_secrets_go_at_every_clearance(clearance: Clearance) -> None:
    assert "canary" not in redactor(clearance).text(f"password={CANARY}")


@pytest.mark.parametrize(
    "token",
    [
        "AKIAZK9CANARY77XAAAA",
        "ASIAZK9CANARY77XAAAA",
        f"ghp_{TOKEN}",
        f"github_pat_{TOKEN}",
        f"glpat-{TOKEN}",
        f"xoxb-12345678-{TOKEN}",
        f"sk_live_{TOKEN}",
        f"rk_test_{TOKEN}",
        f"AIza{TOKEN}",
        f"ya29.{TOKEN}",
        f"npm_{TOKEN}",
        f"SG.{TOKEN}.{TOKEN}",
        f"eyJ{TOKEN}.eyJ{TOKEN}.{TOKEN}",
        f"hvs.{TOKEN}",
        f"AGE-SECRET-KEY-1{TOKEN.upper()}",
        f"https://hooks.slack.com/services/T000/B000/{TOKEN}",
        f"$6$saltsalt${TOKEN}{TOKEN}",
        f"$y$j9T$saltsalt${TOKEN}",
        f"$2b$12${TOKEN}{TOKEN[:12]}",
        f"{{SSHA}}{TOKEN}==",
    ],
)
def test_tokens_are_known_by_their_shape_alone(token: str) -> None:
    for text in (f"got {token} from env", f'{{"x":"{token}"}}', f"x={token}", f"({token})"):
        clean = redactor().text(text)
        assert TOKEN not in clean
        assert TOKEN.upper() not in clean
        assert "CANARY" not in clean


def test_a_whole_private_key_goes_and_what_stands_around_it_stays() -> None:
    assert redactor().text(f"a\n{PEM}\nb") == "a\n<secret:private-key>\nb"


def test_a_private_key_that_is_cut_at_its_end_goes() -> None:
    for cut in range(40, len(PEM), 7):
        clean = redactor().text(f"a\n{PEM[:cut]}")
        assert "canary" not in clean.lower().replace("<secret:private-key>", "")
        assert "MIIE" not in clean


def test_a_private_key_that_is_cut_at_its_beginning_goes() -> None:
    for cut in range(1, PEM.index("-----END"), 7):
        clean = redactor().text(f"{PEM[cut:]}\nb")
        assert "keybody" not in clean.lower()
        assert clean.endswith("\nb")


def test_a_private_key_in_a_json_string_goes() -> None:
    clean = redactor().text(json.dumps({"private_key": PEM, "x": 1}))
    assert "MIIE" not in clean
    assert "canary" not in clean.lower()


def test_a_putty_key_goes() -> None:
    text = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAAcanaryAAAA\nPrivate-MAC: 00ff"
    assert "canary" not in redactor().text(text)


def test_public_keys_and_certificates_stay() -> None:
    public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHW9mA0P1qVYfC0Zz8d3QfXcVnq0tC8jF2kLrWm7yQxE ops"
    certificate = "-----BEGIN CERTIFICATE-----"
    assert redactor().text(f"{public}\n{certificate}") == f"{public}\n{certificate}"


@pytest.mark.parametrize(
    "text",
    [
        "PasswordAuthentication yes",
        "PASS_MAX_DAYS\t99999",
        "Failed password for root from 10.0.0.1 port 22 ssh2",
        "password: null",
        '{"password": ""}',
        "password is required",
        "password expired",
        "token_count=12",
        "PWD=/usr/share",
        "systemd[1]: Started session-3.scope",
        "pam_unix(sudo:auth): authentication failure; logname= uid=0",
        "/usr/lib/x86_64-linux-gnu/libpam.so.0",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "dpkg: 2026-11-21 10:00:00 status installed libsecret-1-0:amd64 0.20.5-3",
    ],
)
def test_words_about_secrets_are_no_secrets(text: str) -> None:
    assert redactor().text(text) == text


@pytest.mark.parametrize(
    "argv",
    [
        ["mysql", "-u", "root", f"-p{CANARY}", "shop"],
        ["cmd", "--password", CANARY, "x"],
        ["cmd", "--password", f"two words {CANARY}", "x"],
        ["cmd", f"--password={CANARY}"],
        ["sshpass", "-p", CANARY, "ssh", "host"],
        ["curl", "-u", f"me:{CANARY}", "https://example.com"],
        ["curl", "-H", f"Authorization: Bearer {CANARY}", "https://example.com"],
        ["sh", "-c", f"mysql -p{CANARY}"],
        ["env", f"PGPASSWORD={CANARY}", "psql"],
    ],
)
def test_an_argument_vector_keeps_its_length_and_loses_its_secret(argv: list[str]) -> None:
    clean = redactor().argv(argv)
    assert len(clean) == len(argv)
    assert "canary" not in " ".join(clean)
    assert "canary" not in redactor().text("\0".join(argv))
    assert "canary" not in redactor().text(json.dumps(argv))
    assert "canary" not in redactor().text(repr(argv))


def test_an_environment_block_loses_its_secrets_and_keeps_the_rest() -> None:
    block = "\0".join(["HOME=/root", f"PGPASSWORD={CANARY}", f"API_TOKEN={CANARY}", "LANG=C.UTF-8"])
    clean = redactor().text(block)
    assert "canary" not in clean
    assert "LANG=C.UTF-8" in clean
    assert "HOME=/root" in clean


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_hides_nothing(encoding: str) -> None:
    data = f"x\npassword={CANARY}\ny".encode(encoding)
    assert "canary" not in redactor().data(data).replace("\0", "")
    assert "canary" not in redactor().text(data.decode("latin-1")).replace("\0", "")


@pytest.mark.parametrize("escapes", [1, 2, 3])
def test_json_in_json_hides_nothing(escapes: int) -> None:
    text = f'{{"password": "{CANARY}"}}'
    for _ in range(escapes):
        text = json.dumps({"message": text})
    assert "canary" not in redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        f"password:\n  {CANARY}\nnext: 1\n",
        f"password: |\n  {CANARY}\n  {CANARY}\nnext: 1\n",
        f"db:\n  password: >-\n    {CANARY}\n  next: 1\n",
        f"<password>\n   {CANARY}\n</password>\n",
    ],
)
def test_a_value_below_its_name_goes(text: str) -> None:
    clean = redactor().text(text)
    assert "canary" not in clean


def test_a_secret_is_found_in_a_long_text_as_in_a_short_one() -> None:
    filler = "Nov 21 10:00:00 host app[1]: all is well\n" * 500
    for form in FORMS:
        assert "canary" not in redactor().text(f"{filler}{form.format(CANARY)}\n{filler}"), form


def test_the_residual_scan_accepts_what_the_redactor_made() -> None:
    for form in FORMS:
        clean = redactor().text(form.format(CANARY))
        residual(json.dumps({"message": clean}).encode())
        residual(clean.encode())


@pytest.mark.parametrize(
    "data",
    [
        f"password={CANARY}".encode(),
        json.dumps({"a": json.dumps({"password": CANARY})}).encode(),
        f"password={CANARY}".encode("utf-16-le"),
        b"x" + f"password={CANARY}".encode("utf-16-be") + b"y",
        b'{"data":"' + base64.b64encode(f"the password={CANARY} here".encode()) + b'"}',
        base64.urlsafe_b64encode(PEM.encode()),
        PEM.encode(),
        json.dumps(PEM).encode(),
        b'{"v":"password\\u003d' + CANARY.encode() + b'"}',
        f"ghp_{TOKEN}".encode(),
    ],
)
def test_the_residual_scan_fails_closed_in_every_encoding(data: bytes) -> None:
    with pytest.raises(RelevoError) as caught:
        residual(data)
    assert caught.value.code is Code.REDACTION_FAILED
    assert "canary" not in caught.value.detail
    assert TOKEN not in caught.value.detail


def test_the_residual_scan_refuses_more_encoded_data_than_it_can_check() -> None:
    with pytest.raises(RelevoError):
        residual(base64.b64encode(bytes(25 << 20)))


def test_counts_say_what_was_removed_and_never_what_it_was() -> None:
    one = redactor()
    one.text(f"password={CANARY} and ghp_{TOKEN}")
    assert one.secrets_removed == 2
    assert one.counts == {"secret:password": 1, "secret:token": 1}
