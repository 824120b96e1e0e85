"""Fix clean-cache: delete old files of one cache folder. Standard library only.

Usage: clean_cache.py check|plan|apply|undo|undo_verify, parameters as JSON on stdin.
check exits 0 when the disk is full enough and there is enough to clean, 1 when not, 2 when unknown.

Never leaves the folder: it is opened once, through no link, and everything below is named from there; other
file systems, links, special files and files with a second name are left alone.
"""

import hashlib
import json
import os
import stat
import sys
import time

PRESENT, ABSENT, UNKNOWN = 0, 1, 2
KEEP_EACH, KEEP_ALL, KEEP_FILES = 64 << 10, 1 << 20, 1000
LISTED = 100
MOST_FILES = 200_000

TEXT = {
    "missing": ("There is no folder {folder}.", "No existe la carpeta {folder}."),
    "seen": (
        "{count} old files in {folder}, {bytes} bytes; the disk is {percent} % full.",
        "{count} archivos viejos en {folder}, {bytes} bytes; el disco está lleno al {percent} %.",
    ),
    "plan": (
        "Delete {count} files of {folder}, {bytes} bytes:",
        "Borrar {count} archivos de {folder}, {bytes} bytes:",
    ),
    "more": ("    … and {count} more", "    … y {count} más"),
    "list": ("SHA-256 of the whole list: {sha256}", "SHA-256 de la lista completa: {sha256}"),
    "lost": (
        "{count} of them are too large to keep and cannot be brought back.",
        "{count} de ellos son demasiado grandes para guardarlos y no se podrán recuperar.",
    ),
    "deleted": ("Deleted {count} files, {bytes} bytes.", "Se han borrado {count} archivos, {bytes} bytes."),
    "left": ("{count} could not be deleted.", "{count} no se han podido borrar."),
    "restored": (
        "Put back {count} files; {lost} cannot come back.",
        "Repuestos {count} archivos; {lost} no pueden volver.",
    ),
}


def open_folder(path):
    """The folder, reached through no link."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    for part in path.strip("/").split("/"):
        below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        os.close(folder)
        folder = below
    return folder


def old_files(folder, older_than):
    """(path from the folder, size, mtime in ns) of what may go, by path."""
    limit = time.time() - older_than
    device = os.fstat(folder).st_dev
    found = []
    for where, folders, names, descriptor in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        folders[:] = [
            n for n in folders if os.stat(n, dir_fd=descriptor, follow_symlinks=False).st_dev == device
        ]
        for name in names:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_dev == device
            if plain and status.st_mtime < limit:
                found.append(
                    (os.path.normpath(os.path.join(where, name)), status.st_size, status.st_mtime_ns)
                )
        if len(found) > MOST_FILES:
            break
    return sorted(found)[:MOST_FILES]


def kept(files):
    """Which of the files an undo can bring back: the small ones, in order, as long as there is room."""
    room, names = KEEP_ALL, set()
    for name, size, _ in files:
        if size <= min(KEEP_EACH, room) and len(names) < KEEP_FILES:
            room -= size
            names.add(name)
    return names


def used_percent(folder):
    """As df prints it: used of what users may use, rounded up."""
    disk = os.fstatvfs(folder)
    used = disk.f_blocks - disk.f_bfree
    usable = used + disk.f_bavail
    return -(-100 * used // usable) if usable else 0


def open_beneath(folder, name):
    """Descriptor of the folder that holds ``name`` (opened, to be closed) and its last part."""
    parts = name.split("/")
    below = os.dup(folder)
    for part in parts[:-1]:
        deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=below)
        os.close(below)
        below = deeper
    return below, parts[-1]


def save(folder, files, state):
    """Copy the small files to the state folder and list all of them, before the first one goes."""
    keep, index = kept(files), []
    for number, (name, _, mtime) in enumerate(files):
        entry = {"name": name, "kept": None, "mode": 0o600, "mtime_ns": mtime}
        if name in keep:
            below, last = open_beneath(folder, name)
            try:
                descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=below)
            finally:
                os.close(below)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(KEEP_EACH + 1)
                entry["mode"] = stat.S_IMODE(os.fstat(descriptor).st_mode)
            entry["kept"] = str(number)
            with open(os.path.join(state, str(number)), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        index.append(entry)
    write_index(state, index)


def delete(folder, files):
    """Delete what is still as it was seen. Gives (deleted, their bytes, failed)."""
    deleted, freed, failed = 0, 0, 0
    for name, size, mtime in files:
        try:
            below, last = open_beneath(folder, name)
            try:
                status = os.stat(last, dir_fd=below, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (size, mtime):
                    os.unlink(last, dir_fd=below)
                    deleted, freed = deleted + 1, freed + size
            finally:
                os.close(below)
        except OSError:
            failed += 1  # said at the end: one file that cannot go must not keep the others
    return deleted, freed, failed


def write_index(state, index):
    path = os.path.join(state, "index.json")
    with open(path + ".new", "w") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def read_index(state):
    try:
        with open(os.path.join(state, "index.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        return []


def restore(folder, state):
    """Put kept files back where nothing is in their place. Gives (restored, lost)."""
    restored = lost = 0
    for entry in read_index(state):
        if entry["kept"] is None:
            lost += 1
            continue
        with open(os.path.join(state, entry["kept"]), "rb") as file:
            content = file.read()
        below, last = open_beneath(folder, entry["name"])
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(last, flags, entry["mode"], dir_fd=below)
        except FileExistsError:
            restored += 1  # the program made its cache anew: that one is better
            continue
        finally:
            os.close(below)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, entry["mode"])
            os.utime(descriptor, ns=(entry["mtime_ns"], entry["mtime_ns"]))
            os.fsync(descriptor)
        restored += 1
    return restored, lost


def is_restored(folder, state):
    for entry in read_index(state):
        if entry["kept"] is not None:
            below, last = open_beneath(folder, entry["name"])
            try:
                os.stat(last, dir_fd=below, follow_symlinks=False)
            except FileNotFoundError:
                return False
            finally:
                os.close(below)
    return True


def shown(name):
    """A name on one line: whoever may write there chose it, and must not write the rest of the plan."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def print_plan(say, files):
    total = sum(size for _, size, _ in files)
    say("plan", count=len(files), bytes=total)
    for name, size, _ in files[:LISTED]:
        print(f"    {size:>12} {shown(name)}")
    if len(files) > LISTED:
        say("more", count=len(files) - LISTED)
    whole = "\n".join(f"{name}\0{size}\0{mtime}" for name, size, mtime in files)
    say("list", sha256=hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest())
    lost = len(files) - len(kept(files))
    if lost:
        say("lost", count=lost)


def main(word):
    given = json.load(sys.stdin)
    params, state = given["params"], given["state"]
    column = 1 if given["language"] == "es" else 0

    def say(key, **values):
        print(TEXT[key][column].format(folder=params["folder"], **values))

    try:
        folder = open_folder(params["folder"])
    except FileNotFoundError:
        say("missing")
        return UNKNOWN if word == "check" else 3
    if word in ("undo", "undo_verify"):
        return take_back(word, folder, state, say)
    files = old_files(folder, params["older_than"])
    total, percent = sum(size for _, size, _ in files), used_percent(folder)
    if word == "check":
        say("seen", count=len(files), bytes=total, percent=percent)
        worth = files and total >= params["at_least_mib"] << 20
        return PRESENT if worth and percent >= params["full_percent"] else ABSENT
    if word == "plan":
        print_plan(say, files)
    elif word == "apply":
        save(folder, files, state)
        count, freed, failed = delete(folder, files)
        say("deleted", count=count, bytes=freed)
        if failed:
            say("left", count=failed)
    return 0


def take_back(word, folder, state, say):
    if word == "undo_verify":
        return 0 if is_restored(folder, state) else 1
    restored, lost = restore(folder, state)
    say("restored", count=restored, lost=lost)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
