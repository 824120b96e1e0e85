"""A Request Tracker 5 of its own: Debian's programs, an SQLite file, a free port on loopback, thrown away.

Nothing of /etc is read or written but RT's own defaults; the processes are ended by their id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.world import free_port

SETUP = Path("/usr/sbin/rt-setup-database-5")
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
QUEUES = ("Acme", "Globex", "Private")
START_S = 60.0

_SITE = """
Set($rtname, 'relevo.test');
Set($Organization, 'relevo.test');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.db');
Set($DatabaseHost, '');
Set($DatabasePort, '');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($MailCommand, 'testfile');
Set($LogToSyslog, undef);
# Each request proves its token anew: 0.25 s of CPU at RT's default of 12.
Set($BcryptCost, 4);
Set($LogToSTDERR, 'warning');
Set($LogDir, '{folder}');
Set($MasonDataDir, '{folder}/mason');
1;
"""

# Relevo's user has rights in two of the three queues; alice is staff in all; bob only asks, by mail.
_SEED = """
our @Queues = (map {{ {{ Name => $_ }} }} qw({queues}));
our @Users = (
  {{ Name => 'relevo', RealName => 'Relevo', EmailAddress => 'relevo@rt.test', Privileged => 1 }},
  {{ Name => 'alice', RealName => 'Alice Agent', EmailAddress => 'alice@rt.test', Privileged => 1 }},
);
my @rights = qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ReplyToTicket CommentOnTicket ModifyTicket);
our @ACL = (
  (map {{ my $q = $_; map {{ {{ UserId => 'relevo', Queue => $q, Right => $_ }} }} @rights }} qw(Acme Globex)),
  (map {{ my $q = $_; map {{ {{ UserId => 'alice', Queue => $q, Right => $_ }} }} @rights, 'DeleteTicket' }} qw({queues})),
  (map {{ {{ GroupDomain => 'SystemInternal', GroupType => 'Everyone', Queue => $_, Right => 'ReplyToTicket' }} }} qw(Acme)),
);
our @Final = (sub {{
  for my $name (qw(relevo alice)) {{
    my $user = RT::User->new(RT->SystemUser);
    $user->Load($name);
    my ($ok, $why, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->Id, Description => 'test');
    die $why unless $ok;
    open my $file, '>', "{folder}/$name.token" or die;
    print $file $token;
    close $file;
  }}
}});
1;
"""


@dataclass
class RequestTracker:
    """A running RT, and what a member of its staff does there by REST."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        return self.folder / "relevo.token"

    # --- its life ------------------------------------------------------------------------------

    def make(self) -> None:
        """The database with its queues, users and tokens."""
        (self.folder / "mason").mkdir()
        (self.folder / "site.pm").write_text(_SITE.format(folder=self.folder, port=self.port))
        (self.folder / "seed.pl").write_text(_SEED.format(folder=self.folder, queues=" ".join(QUEUES)))
        self._setup("--action", "init", "--dba", "", "--dba-password", "")
        self._setup("--action", "insert", "--skip-create", "--datafile", str(self.folder / "seed.pl"))
        for name in ("relevo", "alice"):
            file = self.folder / f"{name}.token"
            file.chmod(0o600)
            self.tokens[name] = file.read_text()

    def start(self) -> None:
        assert SERVER.exists(), "Request Tracker is not installed: make test-peers does it"
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SERVER, "--host", "127.0.0.1", "--port", str(self.port), "--max-workers", "2"],
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self._log()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to the server and its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def _setup(self, *arguments: str) -> None:
        assert SETUP.exists(), "Request Tracker is not installed: make test-peers does it"
        done = subprocess.run(
            [SETUP, *arguments],
            check=False,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        site = {"RT_SITE_CONFIG": str(self.folder / "site.pm"), "RT_SITE_CONFIG_DIR": os.devnull}
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            **site,
        }

    def _answers(self) -> bool:
        try:
            self.get("/rt")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def _log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-4_000:]

    # --- its staff -----------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Any = None, who: str = "alice") -> Any:
        request = urllib.request.Request(
            f"{self.url}/REST/2.0{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"token {self.tokens[who]}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def get(self, path: str, who: str = "alice", **query: str) -> Any:
        return self.call("GET", path + (f"?{urllib.parse.urlencode(query)}" if query else ""), who=who)

    def open(self, subject: str, text: str, *, queue: str = "Acme", html: bool = False, **more: Any) -> str:
        kind = "text/html" if html else "text/plain"
        body = {"Queue": queue, "Subject": subject, "Content": text, "ContentType": kind, **more}
        return str(self.call("POST", "/ticket", body)["id"])

    def say(self, ticket: str, text: str, *, internal: bool = False, html: bool = False) -> None:
        kind = "comment" if internal else "correspond"
        content = {"Content": text, "ContentType": "text/html" if html else "text/plain"}
        self.call("POST", f"/ticket/{ticket}/{kind}", content)

    def set(self, ticket: str, **fields: Any) -> list[str]:
        said: list[str] = self.call("PUT", f"/ticket/{ticket}", fields)
        return said

    def status(self, ticket: str) -> str:
        return str(self.get(f"/ticket/{ticket}")["Status"])

    def tickets(self, query: str = "id > 0") -> list[dict[str, Any]]:
        found = self.get("/tickets", query=query, fields="Subject,Status,Queue", per_page="100", orderby="id")
        items: list[dict[str, Any]] = found["items"]
        return items

    def history(self, ticket: str) -> list[dict[str, Any]]:
        fields = "Type,Creator,Data,OldValue,NewValue"
        found = self.get(f"/ticket/{ticket}/history", fields=fields, per_page="100", orderby="id")
        items: list[dict[str, Any]] = found["items"]
        return items

    def of_kind(self, ticket: str, *kinds: str, by: str | None = None) -> list[dict[str, Any]]:
        rows = self.history(ticket)
        return [row for row in rows if row["Type"] in kinds and by in (None, row["Creator"]["id"])]

    def words(self, transaction: str) -> str:
        """All text of a message, its files too."""
        import base64

        found = self.get(f"/transaction/{transaction}/attachments")
        parts = [self.get(f"/attachment/{one['id']}") for one in found["items"]]
        return "\n".join(base64.b64decode(part["Content"]).decode() for part in parts if part.get("Content"))

    def links(self, ticket: str) -> list[str]:
        found = self.get(f"/ticket/{ticket}")["_hyperlinks"]
        return [one["_url"] for one in found if one["ref"] == "refers-to"]

    def mail(self, sender: str, subject: str, text: str) -> None:
        """What RT's mail gate does with a mail, done by its own code."""
        message = (
            f"From: {sender}\nTo: acme@rt.test\nSubject: {subject}\nMessage-ID: <{time.monotonic_ns()}@x>\n"
        )
        message += f"Content-Type: text/plain; charset=utf-8\n\n{text}\n"
        script = (
            "use lib '/usr/share/request-tracker5/lib'; use RT; RT::LoadConfig(); RT::Init(); "
            "use RT::Interface::Email; local $/; my ($s, $m) = RT::Interface::Email::Gateway("
            "{ message => scalar(<STDIN>), queue => 'Acme', action => 'correspond' }); die $m if $s != 1;"
        )
        done = subprocess.run(
            ["perl", "-e", script],
            check=False,
            input=message,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def request_tracker(folder: Path) -> Iterator[RequestTracker]:
    """Made, started, and gone when the block ends."""
    made = RequestTracker(folder, free_port())
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.kill()
