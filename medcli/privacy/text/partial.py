"""Dates that are only half there: 8/11, the second end of 3/4-3/9, holidays.

Knows which words make two numbers a date and which make them a score, a count or a fraction. Refuses to guess:
without such a word two numbers stay, unless the sensitivity is high.
"""

from __future__ import annotations

import re

from medcli.privacy.text.document import Document
from medcli.privacy.text.words import word_set

__all__ = ["find_holidays", "find_partial", "find_seasons", "ranged", "tail"]

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:18|19|20)\d\d"
_PART = re.compile(
    rf"(?<![\w./:-])(?:{_DAY})/(?:{_DAY})(?![\w/%]|[.:]\d|-\d)|(?<![\w./:-])(?:{_DAY})/(?:{_DAY})(?=-(?:{_DAY})/)"
)
_DASHED = re.compile(rf"(?<![\w./:-])(?:{_DAY})[-.](?:{_DAY})(?:\.(?!\d))?(?![\w/%-]|[.:]\d)")
#: Day and month with dots, as most of Europe writes them: am 12.5., CT z 3.12., "8.1.," but no 5.1 and no sentence's end.
_DOTTED = re.compile(rf"(?<![\w./:-])(?P<date>{_DAY}\.\s?{_DAY}\.)(?P<ended>[,;:)\]])?(?!\d)")
_DOTTED_CUE = re.compile(
    r"\b(?:am|z|vom|bis|seit|zum|den|ab|dne|od|do|dnia|til|till|until|since|on|by|le|dne|op) $", re.IGNORECASE
)
_TO = r"\s?(?:-|\u2013|\u2014|to|through|thru|until|till|and|&|,|or|,\s?and)\s?"
_TAIL = re.compile(rf"{_TO}(?P<date>(?:{_DAY})/(?:{_DAY})(?:/(?:{_YEAR}|\d\d))?)(?![\w/%]|[.:]\d)")
_TAIL_DAY = re.compile(
    rf"\s?(?:-|\u2013|\u2014|to|through|thru|and|&)\s?(?:the\s)?(?P<date>{_DAY}(?:st|nd|rd|th)?(?:,?\s{_YEAR})?)(?=[\s.,;:)!?]|$)"
    r"(?!\s?(?:mg|ml|mm|cm|days?|weeks?|years?|months?|hours?|patients?|%|units?|other|of|more|/))",
    re.IGNORECASE,
)
#: Sat. night, 6/17
_WEEKDAY = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[.,]{0,2}\s(?:(?:early |late )?(?:night|morning|afternoon|evening|am|pm),?\s)?$",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"\b(?:on|since|from|until|till|thru|through|by|dated?|dates?|dob|born|birth|birthday|birthdate|bday|b-day|seen|admit|(?:re-?)?admitted|(?:night|morning|evening|afternoon|day|week|weekend)\sof|discharged?|"
    r"d/c|visit|visited|appointment|appt|scheduled|surgery|procedure|started|began|start|stop|stopped|ended|end|lmp|edd|edc|as of|before|after|between|around|"
    r"performed|obtained|collected|drawn|signed|reported|dictated|transcribed|exam|study|ct|cta|mri|mra|cxr|xr|kub|xray|x-ray|ultrasound|us|scan|echo|egd|ekg|ecg|colonoscopy|"
    r"mammogram|biopsy|bx|labs?|film|imaging|comparison|prior|compared to|vs|follow-up|followup|f/u|op|admission|returned|presented|came in|died|expired|deceased|dod|doa|dos|"
    r"onset|symptoms|again|then|saw|recheck|rechecked|repeat|repeated|reviewed|hospitali[sz]ed|readmit|given|received|administered|infused|placed|removed|inserted|resected|transferred|intubated|extubated|diagnosed|dx|treated|injury|fell|accident|operated|delivered|delivery|cath|pci|cabg|er|ed|icu|clinic|note|report|letter|next|last|previous|today|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thurs?|fri|sat|sun|am|at|le|el|vom|del)"
    r"(?:\s(?:on|is|was|of|the|date|dated|from|done|performed|in|to|at|chest|abdomen|abd|pelvis|a/p|head|brain|neck|spine|knee|hip|liver|and|with|without|contrast|visit|neg|negative|normal|clean|clear|stable|unchanged|last)){0,2}[\s:,=(#-]{0,3}$",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"\b(?:dob|d\.o\.b\.?|born(?:\son)?|birthday|birth\s?date|date|dates|dated|bday|b-day|geb\.?|geboren|last\s(?:dose|seen|visit|bm|menses|period|drink|use|appt)|vom|seit)(?:\s(?:is|was|of birth|on))?[\s:,=(#]{0,3}$",
    re.IGNORECASE,
)
#: Who signs at the end of a line signs with the date.
_SIGNED = re.compile(
    r"\b(?:dictated|transcribed|signed|typed|authenticated|reviewed|verified|finali[sz]ed|printed|addendum)\b[^\n]{0,60}$",
    re.IGNORECASE,
)
_BY_DOCTOR = re.compile(r"\bDr\.?\s[A-Z][\w'-]+(?:\s[A-Z][\w'-]+)?,?\s$")
_COUNT_BEFORE = re.compile(
    r"\b(?:pain|score[ds]?|scale|strength|power|motor|murmur|reflex(?:es)?|dtrs?|pulses?|apgars?|vision|acuity|severity|intensity|gcs|mmse|moca|grade|stage|nodes?|cores?|series|image|slice|se|im|ratio|"
    r"dose|sev|mrs|nihss|phq|gad|va|rated?|level|discomfort|ecog|type|phase|stages|phases|iop|bp|hr|phalen|orientation|oriented|muscle|edema|force|deltoids?|biceps|triceps|quad(?:riceps)?s?|grip|deauville|nyha|class|ccs|mallampati|asa|nottingham|bi-?rads|rads|[0-9]{1,2}/[0-9]{1,2}\s(?:on|in|at)|(?<![.\d])[0-9]{1,2}(?=\s$))"
    r"\b[^.;\n]{0,16}$",
    re.IGNORECASE,
)
#: An operation, and the day it was done on: s/p L TKA 1/22.
_OPERATED = re.compile(
    r"\b(?:(?:s/p|status[- ]post|post[- ]?op|pod ?#?\d{0,2}|underwent|had)\b[^.,;\d\n]{1,36}|(?:tka|tha|tkr|thr|orif|cabg|tavr|pci|turp|egd|lap chole|chole|appy|acdf|evar|whipple|c-?section|csection|cesarean|[a-z]{3,16}(?:ectomy|otomy|ostomy|plasty|desis|scopy)))\s$",
    re.IGNORECASE,
)
#: What was done on the day that follows, with nothing between; it outweighs a scale further off.
_DONE = re.compile(
    r"\b(?:seen|adm|admit(?:ted)?|dc|d/c|dc'?d|discharged?|missed|visit(?:ed)?|appt|appointment|surgery|scheduled|booked|moved to|changed|started|stopped|fx|fracture|injury|fell|fall|mvc|mva|crash"
    r"|placed|removed|drawn|done|taken|work|crown|extraction|treatment|stay|travel|trip|rotated|set|due|dated|rang|called|since|until|effective|dos|lmp|poc|received|delivered|born)[\s:,]{1,2}(?:on |for |from |of )?$",
    re.IGNORECASE,
)
#: Before settings and measures that are written with a stroke.
_MEASURED = re.compile(
    r"\b(?:bi-?pap|c-?pap|ipap|epap|peep|ps|simv|vent|bp|pressures?|sbp|dbp|vision|va|od|os|ou|snellen|gauge|needle|syringe|ratio|premixed|insulin|novolog|humalog|ultrasound frames?|pap|rvsp|pa|ra|rv|lv|cvp|wedge)\b[^.;\n]{0,14}$",
    re.IGNORECASE,
)
#: What scores and scales count to, above twelve.
_SCALES = frozenset((15, 16, 20, 21, 24, 25, 27, 28, 30))
_ENDED = re.compile(r"[\"'.,;?!)\n]|$| (?:and|at|by|was|with|what|should)\b")
_THEN = re.compile(
    r"(?=[.,;:)\n]|$|\s(?:w/|with|for|by|and|now|at|in|due|c/b|complicated|presents?|here|p/w|who|has|had)(?:\s|$))"
)
_DATED = re.compile(
    r"\s(?:visit|appt|appointment|labs|mri|ct|cxr|scan|x-?ray|echo|note|surgery|admission|clinic|bx|biopsy|ultrasound|film|results?|report|mammogram)\b",
    re.IGNORECASE,
)
_RANGE = re.compile(rf"\s?[-\u2013]\s?{_DAY}/{_DAY}(?![\w%]|[.:]\d)")
_ENTRY = re.compile(r"\s?(?::|[-\u2013\u2014]\s)")
_COUNT_AFTER = re.compile(
    r"\s?(?:[-\s]?(?:inch|in\.|\"|mm|cm|mg|mcg|ml|tab|tablets?|cup|tsp|strength|pain|motor|murmur|systolic|power|lymph|nodes?|cores?|positive|of\b|patients?|cases|samples|criteria|points?|pts|severity|scale|"
    r"intensity|on\s(?:the\s)?(?:pain|scale|vas|exam|right|left|mmse|moca|gcs)|in\s(?:severity|intensity|all|both|the\s(?:upper|lower|right|left))|bilaterally|throughout|reflexes|pulses|dtrs?|weeks?|wks?|for\s(?:pain|strength)|mutation|split|ns\b|normal\ssaline|units?|dose|ppd|pack))",
    re.IGNORECASE,
)
_HOLIDAY = re.compile(
    r"\b(?P<date>(?:christmas|xmas|thanksgiving|easter|new\syear'?s?|halloween|memorial\sday|labou?r\sday|independence\sday|"
    r"valentine'?s(?:\sday)?|mother'?s\sday|father'?s\sday|veterans\sday|martin\sluther\sking\sday|mlk\sday|presidents'?\sday|columbus\sday|"
    r"fourth\sof\sjuly|boxing\sday|ash\swednesday|good\sfriday|palm\ssunday|mardi\sgras|hanukkah|diwali|"
    r"australia\sday|canada\sday|juneteenth|bonfire\snight|guy\sfawkes(?:\snight)?|nowruz|holi|lunar\snew\syear|chinese\snew\syear|sukkot|purim|pentecost|whitsun|ascension\sday|all\ssaints(?:'?\sday)?|midsummer|bank\sholiday|heiligabend|weihnachten|ostern|pfingsten|silvester|p\u00e2ques|no\u00ebl|navidad|nochebuena|semana\ssanta|d\u00eda\sde\s(?:los\s)?muertos|carnaval|vaisakhi|songkran|s(?:ain)?t\.?\s(?:andrew|george|david|lucia|nicholas)'?s?(?:\sday)|"
    r"chuseok|seollal|t\u1ebft|tet|vesak|losar|pongal|onam|janmashtami|navratri|dussehra|durga\spuja|ganesh\schaturthi|raksha\sbandhan|lohri|baisakhi|norooz|newroz|mawlid|muharram|ashura|shavuot|simchat\storah|qingming|mid-autumn\sfestival|golden\sweek|obon|sinterklaas|ferragosto|epifania|befana|pasqua|pasquetta|natale?|p\u00e1scoa|reyes|nochevieja|pascua|toussaint|r\u00e9veillon|allerheiligen|karfreitag|rosenmontag|fasching|karneval|himmelfahrt|fronleichnam|ostermontag|nikolaus|neujahr|juleaften|juledag|p\u00e5ske|pinse|midsommar(?:afton)?|valborg|ny\u00e5rsafton|julafton|wielkanoc|wigilia|wigilii|sylwestra?|v\u00e1noce|velikonoce|kar\u00e1csony|h\u00fasv\u00e9t|juhannus|vappu|kurban\sbayram\u0131|\u015feker\sbayram\u0131|y\u0131lba\u015f\u0131|groundhog\sday|anzac\sday|waitangi\sday|koningsdag|king's\sday|hogmanay|burns\snight|pancake\sday|shrove\stuesday|maundy\sthursday|whit\smonday|corpus\schristi|michaelmas|epiphany|bastille\sday|"
    r"ramadan|eid(?:\sal-(?:fitr|adha))?|yom\skippur|rosh\shashanah?|passover|cinco\sde\smayo|s(?:ain)?t\.?\spatrick'?s\sday)(?:\s(?:eve|day|sunday|monday|weekend|morning|night))?"
    r"(?:,?\s(?:of\s)?(?:19|20)\d\d)?)\b",
    re.IGNORECASE,
)
#: First words of holidays; without any of them none stands in a text.
_FESTIVE = word_set("dates-festive")
#: Holidays that are one day, and not a season.
_DAY_ITSELF = re.compile(
    r"(?:christmas\s(?:eve|day)|new\syear'?s\s(?:eve|day)|thanksgiving|labou?r\sday|memorial\sday|independence\sday|fourth\sof\sjuly|easter\ssunday|boxing\sday|halloween|mother'?s\sday|father'?s\sday)",
    re.IGNORECASE,
)
#: Somebody's own day, where it is written small.
_SOMEBODY = re.compile(r"\b(?:he|she|his|her|my|i|i'm|pt|patient|was|had|died|born)\b", re.IGNORECASE)
_HOLIDAY_CUE = re.compile(
    r"\b(?:on|since|at|over|before|after|around|last|this|of|by|until|till|next|during|past|le|am|an|el|den|zu|seit|depuis|desde|na|w|vor|nach|day)\s(?:the\s|last\s|this\s)?$",
    re.IGNORECASE,
)


#: A part of a year that is less than the year: fall 2021, Q3 2020.
_PART_OF_YEAR = re.compile(
    rf"\b(?:(?:early|late|mid)[ -])?(?:(?:spring|summer|fall|autumn|winter|(?:first|second|third|fourth|1st|2nd|3rd|4th) (?:quarter|half)),? (?:of )?|Q[1-4][ /'-]?(?:of )?){_YEAR}\b",
    re.IGNORECASE,
)


def find_seasons(document: Document) -> list[tuple[int, int]]:
    """Seasons and quarters with their year."""
    return [found.span() for found in _PART_OF_YEAR.finditer(document.text)]


def find_partial(document: Document) -> list[tuple[int, int]]:
    """Day and month without a year, with what is strung to them."""
    text, found = document.text, []
    for match in _PART.finditer(text):
        if _dated(document, match):
            found += ranged([match.span(), *tail(text, match.end())], text)
    found += [
        match.span("date")
        for match in _DOTTED.finditer(text)
        if _range(match["date"])
        and (match["ended"] or _DOTTED_CUE.search(text, max(0, match.start() - 6), match.start()))
    ]
    for match in _DASHED.finditer(text):
        near = text[max(0, match.start() - 40) : match.start()]
        told = document.high and "-" in match[0] and _DONE.search(near) and _ENDED.match(text, match.end())
        if (told or _STRONG.search(near[-26:])) and _range(match[0]):
            found.append(match.span())
    return found


def _range(pair: str) -> bool:
    first, second = re.findall(r"\d+", pair)[:2]
    return min(int(first), int(second)) <= 12


def _dated(document: Document, match: re.Match[str]) -> bool:
    if not _range(match[0]) or match[0] == "24/7":
        return False
    text, start, end = document.text, match.start(), match.end()
    line = text[max(0, start - 80) : start]
    near = line[-40:]
    if _STRONG.search(near) or _WEEKDAY.search(near):
        return True
    done = _DONE.search(near) is not None and _COUNT_AFTER.match(text, end) is None
    if not done and (_COUNT_BEFORE.search(near) or _COUNT_AFTER.match(text, end)):
        return False
    return (
        document.high
        or done
        or (_day_like(match[0]) and _MEASURED.search(near) is None)
        or _RANGE.match(text, end) is not None
        or _CUE.search(near) is not None
        or _SIGNED.search(line) is not None
        or _DATED.match(text, end) is not None
        or _BY_DOCTOR.search(near) is not None
        or (_OPERATED.search(near) is not None and _THEN.match(text, end) is not None)
        or _alone(text, start, end)
    )


def _day_like(shown: str) -> bool:
    """Whether two numbers are hardly a score or a fraction: 8/19, 14/8, 06/23; not 7/10, 3/5, 9/12 or 14/15."""
    left, _stroke, right = shown.partition("/")
    first, second = int(left), int(right)
    return (
        "0" in (left[0], right[0])
        or (first > second and first != second + 1)
        or (second > 12 and second not in _SCALES and first <= 12)
    )


def _alone(text: str, start: int, end: int) -> bool:
    """Whether nothing else stands on the line, as at the head of a letter, or an entry begins: "3/4: seen today"."""
    return (start == 0 or text[start - 1] == "\n") and (
        text[end : end + 1] == "\n" or _ENTRY.match(text, end) is not None
    )


def tail(text: str, end: int) -> list[tuple[int, int]]:
    """What is strung to a date that ends here: the end of a range, more days."""
    found: list[tuple[int, int]] = []
    numeric = "/" in text[max(0, end - 5) : end]
    while len(found) < 8:
        match = (_TAIL if numeric else _TAIL_DAY).match(text, end)
        if match is None:
            break
        found.append(match.span("date"))
        end = match.end("date")
    return found


def ranged(places: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Dates with nothing but a hyphen between them as one: 3/4-3/9."""
    joined = places[:1]
    for start, end in places[1:]:
        if text[joined[-1][1] : start].strip() in ("-", "\u2013"):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def find_holidays(document: Document) -> list[tuple[int, int]]:
    """Holidays that point at one day: with a year or a word of time."""
    text = document.text
    if document.looked.present.isdisjoint(_FESTIVE):
        return []
    looked = document.looked
    firsts = [start for start, low in zip(looked.starts, looked.lows, strict=True) if low in _FESTIVE]
    return [
        _counted(text, *match.span("date"))
        for start in firsts
        if (match := _HOLIDAY.match(text, start)) is not None
        if document.high
        or match[0][-4:].isdigit()
        or (_DAY_ITSELF.match(match[0]) and (match[0][0].isupper() or _SOMEBODY.search(text)))
        or _HOLIDAY_CUE.search(text[max(0, match.start() - 14) : match.start()])
    ]


def _counted(text: str, start: int, end: int) -> tuple[int, int]:
    """A holiday with its number before it: 2. juledag."""
    before = text[max(0, start - 3) : start]
    number = before.lstrip("0123456789 ")
    if number in (". ", ".") and before[-len(number) - 1 : -len(number)] in ("1", "2"):
        return start - len(number) - 1, end
    return start, end
