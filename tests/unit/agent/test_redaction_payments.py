"""Numbers of cards and accounts are hidden; times, ids, checksums and counters that look like them are not."""

from __future__ import annotations

import pytest

from agent.redaction import Known, Redactor
from protocol.redaction.residual import residual
from protocol.scopes import Clearance

KEY = b"k" * 32
NOBODY = Known(people=(), hosts=())
CARDS = [  # the numbers that the schemes and the payment providers publish for tests
    "4111111111111111",
    "4111 1111 1111 1111",
    "4012-8888-8888-1881",
    "4222222222222",
    "4917610000000000003",
    "5555 5555 5555 4444",
    "2223003122003222",
    "3782 822463 10005",
    "371449635398431",
    "3056 930902 5904",
    "6011.0009.9013.9424",
    "3530111333300000",
    "6200000000000005",
    "6759649826438453",
]
IBANS = [  # examples of the SWIFT IBAN registry
    "ES9121000418450200051332",
    "ES91 2100 0418 4502 0005 1332",
    "GB29 NWBK 6016 1331 9268 19",
    "gb29 nwbk 6016 1331 9268 19",
    "DE89-3704-0044-0532-0130-00",
    "FR1420041010050500013M02606",
    "NO9386011117947",
    "BE68 5390 0754 7034",
    "NL91ABNA0417164300",
    "MT84MALT011000012345MTLCAST001S",
    "LC55HEMM000100010012001200023015",
]
INNOCENT = [
    "4111111111111112",  # Luhn's check says no
    "1763719200123456789",  # nanoseconds since 1970
    "1763719200123456",  # microseconds
    "1763719200123",  # milliseconds
    "20261121100000",  # a time in figures
    "20261121-100000-4111",
    "2026-11-21 10:00:00.411111111111",
    "0.4111111111111111",
    "0000000000000000",
    "4444444444444444",
    "41111111-1111-4111-8111-111111111111",  # a UUID
    "550e8400-4111-1111-1111-111111111111",
    "id4111111111111111",
    "4111111111111111a0",
    "411111111111111111111111",
    "d41d8cd98f00b204e9800998ecf8427e",
    "be71096123456769",  # right as a Belgian account in hexadecimal figures, and an id here
    "sha256:4111111111111111aabbccddeeff00112233445566778899aabbccddeeff0011",
    "ES9121000418450200051333",  # its check says no
    "ES91 2100 0418 4502 0005 133",
    "XX91 2100 0418 4502 0005 1332",
    "Serie AT10 of the module that has no name",
    "usb 1-4: new high-speed device 4111",
    "1.2.3.4 4111 1111 1111",
]


def _redact(text: str, clearance: Clearance = Clearance.R1) -> str:
    return Redactor(clearance, KEY, known=NOBODY).text(text)


@pytest.mark.parametrize("clearance", Clearance)
@pytest.mark.parametrize("card", CARDS)
def test_a_cards_number_is_gone_for_everybody(card: str, clearance: Clearance) -> None:
    for text in (card, f"paid with {card}.", f"card={card}, ok", f'{{"pan": "{card}"}}', f"{card} 12/27 123"):
        clean = _redact(text, clearance)
        assert "<secret:card>" in clean
        assert card[-4:] not in clean
        residual(clean.encode())


@pytest.mark.parametrize("iban", IBANS)
def test_an_account_is_a_pseudonym_below_r3(iban: str) -> None:
    for text in (iban, f"IBAN: {iban} and more", f'{{"account": "{iban}"}}', f"charged {iban}, thanks"):
        for clearance in (Clearance.R1, Clearance.R2):
            clean = _redact(text, clearance)
            assert "iban-" in clean
            assert iban[4:12].lower() not in clean.lower()
            assert _redact(clean, clearance) == clean
        assert _redact(text, Clearance.R3) == text


def test_an_account_has_one_pseudonym_however_it_is_written() -> None:
    assert len({_redact(iban) for iban in ("ES9121000418450200051332", "es91 2100 0418 4502 0005 1332")}) == 1


def test_words_around_an_account_stay() -> None:
    clean = _redact("to ES91 2100 0418 4502 0005 1332 hoy dice que no")
    assert clean.startswith("to iban-") and clean.endswith(" hoy dice que no")


def test_the_middle_of_an_account_is_no_card() -> None:
    text = "FR76 4111 1111 1111 1111 1234 567"
    assert "<secret:card>" not in _redact(text, Clearance.R3)


@pytest.mark.parametrize("clearance", Clearance)
@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_a_number_to_pay_with_stays(text: str, clearance: Clearance) -> None:
    clean = _redact(text, clearance)
    assert "card" not in clean and "iban" not in clean


def test_a_counter_that_passes_for_a_card_does_not_hold_a_bundle_back() -> None:
    residual(b'{"rx_bytes": 4111111111111111}')
