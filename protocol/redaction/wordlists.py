"""Lists of words that the rules need; kept apart because they are long and dull."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GENERIC_ACCOUNTS = _words(
    """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody
    _apt systemd-network systemd-resolve systemd-timesync systemd-oom messagebus sshd syslog uuidd
    tcpdump landscape pollinate fwupd-refresh usbmux dnsmasq avahi cups-pk-helper rtkit saned colord
    geoclue pulse gdm lightdm sddm hplip gnome-initial-setup postfix postgres mysql redis rabbitmq nginx
    apache httpd ftp operator adm wheel sudo admin administrator user users usuario guest invitado test
    debian ubuntu fedora centos ec2-user pi vagrant docker git jenkins gitlab-runner polkitd chrony ntp
    statd rpc kernel host net mail name dom mac ssid serial phone iban winsid file unknown none null local system
    service default anonymous
    """
)
"""Names that belong to programs or to nobody in particular: technical facts, not people."""

TLDS = _words(
    """
    com net org edu gov mil int info biz eu es fr de it io tv ai app pt uk us ca mx ar cl co pe ve br nl be ch at se
    no dk fi ie gr cz hu ro bg ru ua tr il jp cn kr tw hk sg th vn id au nz za eg ma ke ng cat gal eus
    lat dev cloud online site store tech shop blog xyz lan local localdomain internal intranet corp home
    office domain private arpa test example invalid onion consulting solutions services support systems
    agency company email group
    """
)
"""Endings that make a dotted word a domain."""

TWO_FACED_TLDS = _words(
    """
    me sh py pl rs md so cc ps mo la zip mov in is id info name pro
    """
)
"""Also endings of files or words: taken for a domain only with three labels or more."""

CLEAR_PARTS = _words(
    """
    .config .cache .local .ssh .gnupg .mozilla .bashrc .profile .bash_history .var .xsession-errors
    share state bin lib log logs tmp AppData Local Roaming LocalLow Temp Library Desktop Documents
    Downloads Escritorio Documentos Descargas Imágenes Pictures Music Videos Microsoft Windows systemd
    user autostart applications Trash thunderbird firefox google-chrome chromium id_rsa id_ed25519
    authorized_keys known_hosts media mnt srv data home Users Volumes export
    """
)
"""Components of paths that name no content of the user."""

TRIVIAL_VALUES = _words(
    """
    null none nil true false yes no on off ask prompt required optional enabled disabled unset set empty
    undefined missing invalid incorrect wrong expired failed ok n/a x * ! !! - -- + | > { [ ( [] {} ()
    changed unchanged unlocked locked sufficient requisite amd64 i386 arm64 armhf all any
    peer trust scram-sha-256 md5 plain basic digest
    """
)
"""Values that say something about a secret and are none."""

COMMON_WORDS = _words(
    """
    not is has had was were does did do name id account session sessions manager unknown and or the a an with
    from to in on of for by at space mode slice can cannot must may logged data defined configuration interface
    list group groups shell agent service login password request input output authentication authorized
    database db home directory this that these your your's no yes permission permissions denied error failed
    invalid illegal environment process processes runtime instance accounts level agents interaction friendly
    limits settings passwords basis uids names
    """
)
"""Words that follow ``user`` in sentences about users."""

NAME_SERVICES = _words(
    """
    files systemd compat ldap sss nis nisplus winbind db dns mymachines myhostname extrausers altfiles
    """
)
"""Values of ``passwd:`` in nsswitch.conf(5)."""
