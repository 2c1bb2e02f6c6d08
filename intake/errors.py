"""The error tree.

Every error that a person can meet stands here. ``str(error)`` is the sentence its reader sees:
what is wrong and what to do next. No sentence quotes what a witness typed.
"""

from __future__ import annotations


class IntakeError(Exception):
    """The root: anything we refuse to do, with the sentence that says why."""


# --- age files -------------------------------------------------------------------------------


class AgeError(IntakeError):
    """Something is wrong with an age file, a recipient or an identity."""


class ArmorBroken(AgeError):
    """The ASCII armor around an age file breaks its rules."""


class HeaderBroken(AgeError):
    """The header of an age file breaks the format's rules."""


class HeaderForged(AgeError):
    """The header's MAC does not fit the file key: the header was changed after sealing."""


class PayloadBroken(AgeError):
    """The payload was truncated, extended, reordered or changed."""


class NotForUs(AgeError):
    """The file is well formed, but none of the identities at hand opens it."""


class WrongPassphrase(NotForUs):
    """A passphrase-sealed file does not open with this passphrase."""


class KeyMalformed(AgeError):
    """A recipient or identity string is not one."""


# --- documents of our own --------------------------------------------------------------------


class DocumentMalformed(IntakeError):
    """A JSON document of ours breaks the rules of its format."""


# --- receipts --------------------------------------------------------------------------------


class CodeMalformed(IntakeError):
    """What was typed is not a receipt code."""


class CodeLengthWrong(CodeMalformed):
    """There are too many digits or too few: ``digits`` of them."""

    def __init__(self, sentence: str, digits: int) -> None:
        """Hold how many ``digits`` were read."""
        super().__init__(sentence)
        self.digits = digits


class CodeMistyped(CodeMalformed):
    """The check digit does not fit: a digit is mistyped, or two are swapped."""


# --- envelopes -------------------------------------------------------------------------------


class EnvelopeBroken(IntakeError):
    """An opened submission is not the zip it has to be, or lies about what it holds."""


# --- replies ---------------------------------------------------------------------------------


class ReplyRefused(IntakeError):
    """A text cannot be a reply, or a reply cannot go where it was meant to."""


# --- manifests -------------------------------------------------------------------------------


class NothingInForce(IntakeError):
    """There is nobody to seal to, for whatever reason: nothing may be taken."""


class ManifestRefused(NothingInForce):
    """A manifest, or a file of them, breaks a rule of acceptance."""


class NoEpochInForce(NothingInForce):
    """The manifest is believed, and has no key for this day."""


class EpochClosed(NoEpochInForce):
    """A bundle has called the epoch closed: its keys may be destroyed by now."""


class ClockSetBack(NothingInForce):
    """The machine's clock shows an earlier day than it has shown before."""


# --- the server ------------------------------------------------------------------------------


class SettingsMistaken(IntakeError):
    """The settings file is missing, or something in it is wrong."""


class StoreUnavailable(IntakeError):
    """The database or the folder of blobs does not answer: nothing can be kept now."""


class TooManyMessages(IntakeError):
    """One code has reached the number of messages that may stand under it."""


# --- bundles ---------------------------------------------------------------------------------


class BundleBroken(IntakeError):
    """A bundle on a stick is not whole, or not what it says."""


# --- backups ---------------------------------------------------------------------------------


class BackupRefused(IntakeError):
    """A backup cannot be made there, or is none, or cannot be restored here."""


# --- vaults ----------------------------------------------------------------------------------


class VaultUnusable(IntakeError):
    """A folder is not a vault, or cannot be used as one now."""


class NotInVault(IntakeError):
    """The vault holds no submission or key of that name."""


class FolderRefused(IntakeError):
    """A submission cannot be written out to the folder that was named."""


# --- quorums ---------------------------------------------------------------------------------


class QuorumRefused(IntakeError):
    """What was asked for is no quorum, or one that protects nothing."""


class ShareRefused(IntakeError):
    """What was typed is no share, or not one that is wanted now. Quotes no word of it."""
