"""Where a lead is: names of countries → regions, and numbers → time zones.

The names come with libraries that are here anyway: English ones from the tz database, those of other
languages from libphonenumber. Only the alpha-3 codes and everyday names that neither has stand here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.resources import files

from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    country_code_for_region,
    parse,
    region_code_for_country_code,
)

# ISO 3166-1: alpha-2 and alpha-3 code together.
_CODES = """
ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB BDBGD
BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BWBWA BYBLR BZBLZ CACAN
CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE
DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO
FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GTGTM GUGUM GWGNB
GYGUY HKHKG HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM
JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA
LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD MLMLI MMMMR MNMNG MOMAC
MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC NLNLD
NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM PRPRI PSPSE PTPRT PWPLW
PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE
SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TGTGO THTHA TJTJK TKTKL TLTLS TMTKM
TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM
VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
"""
# Formal names, everyday ones and a few licence plates that neither source has, or not for certain.
_ALIASES = """
AE: uae
AT: a, oesterreich, østerrike
BA: bosnia, bosnien, herzegovina
BO: plurinational state of bolivia
BQ: caribbean netherlands
BR: federative republic of brazil
CD: drc, dr congo, d r congo, zaire, congo kinshasa
CG: congo brazzaville, republic of the congo, republic of congo
CH: schweiz, suisse, svizzera, svizra, swiss, swiss confederation
CI: ivory coast, ivorycoast
CN: pr china, people's republic of china, mainland china, prc, volksrepublik china
CZ: czechia, cesko, ceska republika, tschechien, tchequie, czech rep
DE: d, brd, bundesrepublik deutschland, federal republic of germany, germany federal republic of, ger
DK: danmark
DO: dominican rep
EG: arab republic of egypt
ES: kingdom of spain, espana
FK: falkland islands malvinas, malvinas
FM: federated states of micronesia
FO: foroyar, faroer, faeroe islands
FR: f, french republic, metropolitan france
GB: uk, great britain, england, scotland, wales, northern ireland, britain, eng, angleterre, grande bretagne,
 gran bretana, inglaterra, gran bretagna, inghilterra, grossbritannien, groot brittannie, engeland,
 storbritannia,
 united kingdom of great britain and northern ireland
GR: el, hellas, ellada, hellenic republic
HK: hong kong sar, hong kong sar china, china hong kong sar, hongkong
IE: republic of ireland, irish republic, eire
IN: bharat, republic of india
IR: islamic republic of iran
IT: i, italian republic
KP: north korea, democratic people's republic of korea
KR: south korea, republic of korea, korea rep, 한국
LA: lao people's democratic republic, lao pdr
LT: lituanie
LY: libyan arab jamahiriya
MD: republic of moldova
MK: macedonia, nordmazedonien, fyrom, republic of north macedonia, former yugoslav republic of macedonia
MM: burma
MO: macao sar, macao sar china, china macao sar, macau sar china
NL: holland, paises bajos, kingdom of the netherlands
NO: noreg
PS: state of palestine, occupied palestinian territory, palestinian territories
RS: srbija, republic of serbia
RU: russian federation, rossiiskaia federatsiia, российская федерация
SA: ksa, kingdom of saudi arabia
SH: saint helena ascension and tristan da cunha
SK: slovak republic, slovensko
SX: sint maarten
SY: syrian arab republic
SZ: eswatini, swaziland
TR: turkiye, republic of turkey
TW: province of china taiwan
TZ: united republic of tanzania
US: us, usa, united states of america, america, amerika, vereinigte staaten, eeuu, ee uu, the states
VA: holy see, holy see vatican city state, vatican city state
VE: bolivarian republic of venezuela
XK: kosovo, kosova
ZA: rsa, republic of south africa
"""
_SEVERAL = frozenset(
    {"congo", "korea", "guiana", "stmartin", "virginislands", "samoaislands", "channelislands"}
)
"""Names that more than one country goes by."""


@lru_cache(maxsize=4096)
def region_of(text: str) -> str | None:
    """Give the region (ISO 3166-1 alpha-2, ``GB``) that a country cell means, None where it says none.

    Alpha-2 and alpha-3 codes and country names, in English and the larger languages, in any case; the code
    that is dialled, with its plus (``+44``); two of them that say the same (``Germany (DE)``). A name that
    several countries go by is none.
    """
    text = text[:100]
    if found := _named(text):
        return found
    parts = [part for part in _BETWEEN.split(text) if part.strip()]
    regions = {_named(part) for part in parts}
    return regions.pop() if len(parts) == 2 and len(regions) == 1 else None


def dial_code(text: str) -> str:
    """What stands in a column of dialled codes, with its plus: ``49`` and ``0049`` are ``+49`` there."""
    match = _CODE.fullmatch(text)
    return f"+{match[1]}" if match else text


def says_region(text: str, region: str | None) -> bool:
    """Whether a country cell means ``region``, no country, or the code dialled there (``+1``: Canada)."""
    if (match := _DIALLED.fullmatch(text)) and region:
        return int(match[1]) == country_code_for_region(region)
    return region_of(text) in (region, None)


_BETWEEN = re.compile(r"[()|/;]|\s[-\u2013]\s")  # Germany (DE), DE - Germany: both say the same
_CODE = re.compile(r"\s*(?:\+|00)?\s*([1-9][0-9]{0,2})(?:\.0)?\s*")
_DIALLED = re.compile(r"\s*\+ ?([1-9][0-9]{0,2})\s*")


def _named(text: str) -> str | None:
    code = text.strip().upper()  # as it is: N/A is not Namibia
    if code in SUPPORTED_REGIONS:
        return code
    if match := _DIALLED.fullmatch(text):
        region = region_code_for_country_code(int(match[1]))
        return region if region in SUPPORTED_REGIONS else None
    key = _key(text)
    if key in _SEVERAL:
        return None
    return _codes().get(code) or _aliases().get(key) or _english().get(key) or _foreign().get(key)


def _key(name: str) -> str:
    """Give a name without case, accents, articles and punctuation.

    ``Korea, Republic of`` and ``Korea (Republic of)`` are put in order.
    """
    if name.endswith(")") and "," not in name:
        name = name[:-1].replace("(", ",", 1)
    last, _, first = name.partition(",")
    plain = unicodedata.normalize("NFKD", f"{first} {last}").casefold().replace("&", " and ")
    words = re.sub(r"[^\w\s]|_", "", plain).split()
    return "".join("st" if word == "saint" else word for word in words if word != "the")


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    return {code[2:]: code[:2] for code in _CODES.split()}


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    lines = (line.partition(": ") for line in _ALIASES.strip().replace("\n ", " ").splitlines())
    return {_key(name): code for code, _, names in lines for name in names.split(", ")}


@lru_cache(maxsize=1)
def _english() -> dict[str, str]:
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {_key(name): code for code, name in rows if code in SUPPORTED_REGIONS}


@lru_cache(maxsize=1)
def _foreign() -> dict[str, str]:
    from phonenumbers.geodata.locale import LOCALE_DATA  # noqa: PLC0415  -- large, and seldom needed

    found: dict[str, str] = {}
    for code, names in LOCALE_DATA.items():
        for name in names.values():
            if code in SUPPORTED_REGIONS and not name.startswith("*"):
                key = _key(name)
                found[key] = code if found.get(key, code) == code else ""
    return {key: code for key, code in found.items() if code}


def time_zone_of(e164: str) -> str | None:
    """Give the IANA time zone of an E.164 number if it can only be one, else None.

    Names that the tz database links to one another are one zone: a British mobile number may be in
    London, Jersey, Guernsey or on the Isle of Man, and has London's time in each.
    """
    from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number  # noqa: PLC0415  -- large data

    try:
        zones = time_zones_for_number(parse(e164))
    except NumberParseException:
        return None
    links = _zone_links()
    targets = {links.get(zone, zone) for zone in zones}
    if len(targets) != 1 or UNKNOWN_TIMEZONE in targets:
        return None
    return zones[0] if len(zones) == 1 else targets.pop()


@lru_cache(maxsize=1)
def _zone_links() -> dict[str, str]:
    """Give the tz database's links: name → the zone that it is another name of."""
    lines = (files("tzdata") / "zoneinfo" / "tzdata.zi").read_text(encoding="utf-8").splitlines()
    return {name: target for target, name in (line.split()[1:] for line in lines if line.startswith("L "))}
