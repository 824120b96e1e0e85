"""Fix hosts-entry: comment out a wrong line of a hosts file. Standard library only.

Usage: hosts_entry.py check|plan|apply, parameters as JSON on stdin. check exits 0 entry there, 1 not, 2 unknown.
"""

import errno
import json
import os
import secrets
import stat
import sys

PRESENT, ABSENT, UNKNOWN = 0, 1, 2
MAX_BYTES = 4 << 20
MARK = b"# relevo: "
LOCAL = (b"localhost", b"ip6-localhost", b"ip6-loopback", b"localhost.localdomain")

TEXT = {
    "none": ("{path} gives {host} no address {address}.", "{path} no da a {host} la dirección {address}."),
    "found": (
        "{path} line {number} gives {host} the address {address}.",
        "La línea {number} de {path} da a {host} la dirección {address}.",
    ),
    "local": ("{host} must stay in the hosts file.", "{host} debe quedarse en el archivo hosts."),
    "plan": ("Line {number} of {path} becomes:", "La línea {number} de {path} pasa a ser:"),
    "done": ("Changed {count} lines of {path}.", "Se han cambiado {count} líneas de {path}."),
    "missing": ("There is no plain file {path}.", "No hay un archivo normal {path}."),
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


def read(folder, name):
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, name)
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, name)
    return content, status


def changes(content, host, address):
    """(line number from 1, new lines) of every line that gives the host this address.

    Other names of the line keep their address: they stay in a line of their own.
    """
    wanted, there = host.lower().encode(), address.lower().encode()
    found = []
    for number, line in enumerate(content.split(b"\n"), 1):
        entry = line.partition(b"#")[0].split()
        if len(entry) < 2 or entry[0].lower() != there or wanted not in [name.lower() for name in entry[1:]]:
            continue
        others = [name for name in entry[1:] if name.lower() != wanted]
        new = [MARK + line.rstrip(b"\r")]
        if others:
            new.append(entry[0] + b" " + b" ".join(others))
        found.append((number, new))
    return found


def apply(folder, name, content, status, found):
    """Write the new file beside the old and put it in its place; a mount point is rewritten."""
    lines = content.split(b"\n")
    for number, new in found:
        lines[number - 1] = b"\n".join(new)
    changed = b"\n".join(lines)
    temporary = f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(changed)
        file.flush()
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        os.fsync(descriptor)
    try:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        os.unlink(temporary, dir_fd=folder)
        if error.errno != errno.EBUSY:
            raise
        descriptor = os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(changed)
            file.flush()
            os.fsync(descriptor)


def main(word):
    given = json.load(sys.stdin)
    params = given["params"]
    column = 1 if given["language"] == "es" else 0

    def say(key, **values):
        print(TEXT[key][column].format(**params, **values))

    if params["host"].lower().encode() in LOCAL:
        say("local")
        return UNKNOWN if word == "check" else 3
    try:
        folder, name = open_parent(params["path"])
        content, status = read(folder, name)
    except FileNotFoundError:
        say("missing")
        return UNKNOWN if word == "check" else 3
    found = changes(content, params["host"], params["address"])
    for number, new in found:
        say("found", number=number)
        if word == "plan":
            say("plan", number=number)
            print(b"\n".join(b"    " + line for line in new).decode("utf-8", "backslashreplace"))
    if not found:
        say("none")
    if word == "check":
        return PRESENT if found else ABSENT
    if word == "apply":
        if not found:
            return 3
        apply(folder, name, content, status, found)
        say("done", count=len(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
