"""Limits of every mail platform: of RFC 5322, and of Amazon SES for the mail that it sends."""

from typing import Final

UNIQUE_HEADERS: Final = frozenset("date from sender reply-to to cc bcc message-id in-reply-to references subject".split())
"""Lower-case names of the fields that a header has once (RFC 5322 section 3.6)."""

SES_UNSUPPORTED_EXTENSIONS: Final = frozenset(
    """
    .ade .adp .app .asp .bas .bat .cer .chm .cmd .com .cpl .crt .csh .der .exe .fxp .gadget .hlp .hta .inf .ins .isp .its .js .jse
    .ksh .lib .lnk .mad .maf .mag .mam .maq .mar .mas .mat .mau .mav .maw .mda .mdb .mde .mdt .mdw .mdz .msc .msh .msh1 .msh1xml
    .msh2 .msh2xml .mshxml .msi .msp .mst .ops .pcd .pif .plg .prf .prg .ps1 .ps1xml .ps2 .ps2xml .psc1 .psc2 .reg .scf .scr .sct
    .shb .shs .sys .tmp .url .vb .vbe .vbs .vps .vsmacros .vss .vst .vsw .vxd .ws .wsc .wsf .wsh .xnk
    """.split()
)
"""File name extensions of attachments that Amazon SES, and so PutRawMessageContent, rejects (SES developer guide, "Unsupported attachment
types")."""
