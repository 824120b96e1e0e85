"""Fix stale-lock: remove a lock file whose owner is gone. Standard library only.

Usage: stale_lock.py check|plan|apply, parameters as JSON on stdin. check exits 0 stale, 1 fine, 2 unknown.

A lock file names its owner's process id in its first line. It is stale when no such process lives, or when
that process started after the file was last written: the id was given to somebody else. A file that any
process holds locked (fcntl or flock, as dpkg does; /proc/locks) is never stale, whatever it says.
"""

import contextlib
import json
import os
import re
import stat
import sys

STALE, FINE, UNKNOWN = 0, 1, 2
SLACK_S = 2.0  # clock ticks and file times are rounded
MAX_BYTES = 4096

TEXT = {
    "absent": ("There is no lock file {path}.", "No hay archivo de bloqueo {path}."),
    "held": (
        "{path} is locked by process {pid}, which is alive.",
        "El proceso {pid}, que está vivo, bloquea {path}.",
    ),
    "alive": (
        "Process {pid}, which wrote {path}, is alive.",
        "El proceso {pid}, que escribió {path}, está vivo.",
    ),
    "dead": (
        "{path} names process {pid}, which has ended.",
        "{path} nombra al proceso {pid}, que ya ha terminado.",
    ),
    "reused": (
        "{path} names process {pid}, but that number now belongs to a process younger than the file.",
        "{path} nombra al proceso {pid}, pero ese número es ahora de un proceso más joven que el archivo.",
    ),
    "nobody": ("{path} names no process.", "{path} no nombra ningún proceso."),
    "special": ("{path} is not a plain file.", "{path} no es un archivo normal."),
    "plan": (
        "Remove {path} ({size} bytes). Undoing puts it back.",
        "Quitar {path} ({size} bytes). Al deshacerlo se repone.",
    ),
    "removed": ("Removed {path}.", "Se ha quitado {path}."),
}


def open_parent(path):
    """Folder descriptor and name; no part of the way may be a link."""
    parts = path.strip("/").split("/")
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY)
    for part in parts[:-1]:
        below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        os.close(folder)
        folder = below
    return folder, parts[-1]


def holder(status):
    """Process id that holds a lock on the file, 0 if none. /proc/locks: "1: POSIX ADVISORY WRITE pid maj:min:inode …"."""
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with open("/proc/locks") as file:
        for line in file:
            words = line.replace("-> ", "").split()
            if len(words) >= 6 and words[5] == wanted:
                return int(words[4]) if words[4].isdigit() else -1
    return 0


def held_by_try(descriptor):
    """Whether somebody holds a lock that /proc/locks does not show (another namespace, overlayfs)."""
    import fcntl

    for lock in (fcntl.lockf, fcntl.flock):
        try:
            lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lock(descriptor, fcntl.LOCK_UN)
        except BlockingIOError:
            return True
        except OSError:
            return True  # cannot be tried: do not call it free
    return False


def started(pid):
    """When the process started, seconds since the epoch; None if there is none (or only a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/stat") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] == b"Z":
        return None
    return boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def examine(path):
    """Verdict, key of its text, and what the text needs."""
    try:
        folder, name = open_parent(path)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return FINE, "absent", {}
    with contextlib.closing(os.fdopen(descriptor, "rb")) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return UNKNOWN, "special", {}
        known = {"size": status.st_size}
        owner = holder(status)
        if owner or held_by_try(descriptor):
            return FINE, "held", {**known, "pid": owner or "?"}
        found = re.match(rb"\s*(\d{1,10})\s*(\n|\0|$)", file.read(MAX_BYTES))
    if not found or int(found[1]) < 1:
        return UNKNOWN, "nobody", known
    return owner_is(int(found[1]), status.st_mtime, known)


def owner_is(pid, written, known):
    """The verdict on the process that the file names."""
    known["pid"] = pid
    began = started(pid)
    if began is None:
        return STALE, "dead", known
    if began > written + SLACK_S:
        return STALE, "reused", known
    return FINE, "alive", known


def main(word):
    given = json.load(sys.stdin)
    path = given["params"]["path"]
    column = 1 if given["language"] == "es" else 0

    def say(key, **values):
        print(TEXT[key][column].format(path=path, **values))

    verdict, key, known = examine(path)
    say(key, **known)
    if word == "check":
        return verdict
    if word == "plan":
        if verdict == STALE:
            say("plan", **known)
        return 3 if verdict == UNKNOWN else 0
    if word == "apply" and verdict == STALE:
        folder, name = open_parent(path)
        os.unlink(name, dir_fd=folder)
        say("removed")
        return 0
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
