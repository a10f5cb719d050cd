# SPDX-License-Identifier: MIT-0
"""What timeline.py has recorded, as one SVG: it says in its text whatever it shows, and has colours for light and for dark."""
from xml.sax.saxutils import escape

WIDTH = 800
LEFT, RIGHT = 92, 80  # beside the bars: names, and how long it was down
BAR, ROW = 16, 24
LETTER = 6.1  # the width of one in a bar, about

STATES = {  # class and text of a span
    "reachable": ("there", "reachable"),
    "unreachable": ("down", "cannot be reached"),
    "running": ("run", "runs"),
    "paused": ("pause", "paused by eins"),
}

LIVES = {"run": ["runs"], "docker": ["runs, restarted by Docker", "restarted"], "ecs": ["launched anew", "new"]}

LIGHT = {"card": "#ffffff", "edge": "#d0d7de", "ink": "#1f2328", "dim": "#59636e", "grid": "#d8dee4", "band": "#ffebe9", "stripe": "#ffc1ba",
         "alarm": "#b3202a", "there": "#57606a", "run": "#1a7f37", "docker": "#0969da", "ecs": "#8250df", "pause": "#8a5a00"}
DARK = {"card": "#0d1117", "edge": "#30363d", "ink": "#e6edf3", "dim": "#9198a1", "grid": "#262c36", "band": "#25171c", "stripe": "#5c2327",
        "alarm": "#ff8a80", "there": "#59636e", "run": "#238636", "docker": "#1f6feb", "ecs": "#8957e5", "pause": "#9e6a03"}


def _style(colours):
    fills = "".join(f".{name}{{fill:{colours[name]}}}" for name in ("card", "ink", "dim", "band", "alarm", "there", "run", "docker", "ecs", "pause"))
    return (f"{fills}.card{{stroke:{colours['edge']}}}.grid{{stroke:{colours['grid']}}}.event{{stroke:{colours['dim']}}}"
            f".alarm.mid{{stroke:{colours['band']}}}.stripe{{stroke:{colours['stripe']}}}.cross{{stroke:{colours['alarm']}}}")


def seconds(value):
    return f"{value:.1f} s"


class Drawing:
    """The elements of the picture, from top to bottom; `y` is how far it has come."""

    def __init__(self, length):
        self.parts = []
        self.y = 0
        self._length = length

    def x(self, when):
        return LEFT + when / self._length * (WIDTH - LEFT - RIGHT)

    def text(self, x, y, words, kind="ink", more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{more}>{escape(words)}</text>')

    def line(self, when, top, bottom, kind):
        self.parts.append(f'<line x1="{self.x(when):.1f}" x2="{self.x(when):.1f}" y1="{top}" y2="{bottom}" class="{kind}"/>')

    def bar(self, start, end, kind, words):
        """A piece of the row at y, with the longest of the words that fits in."""
        x, width = self.x(start), max(1.5, self.x(end) - self.x(start))
        fill = ' fill="url(#stripes)"' if kind == "down" else f' class="{kind}"'
        self.parts.append(f'<rect x="{x:.1f}" y="{self.y}" width="{width:.1f}" height="{BAR}" rx="2"{fill}/>')
        fitting = [text for text in words if len(text) * LETTER + 8 < width]
        if fitting:
            self.text(x + width / 2, self.y + 12, fitting[0], "alarm mid" if kind == "down" else "on mid")


def downs(run, task):
    """Spans in which the task had no heartbeat, from its last one to the next."""
    lives = run["tasks"][task]
    ends = [life["to"] for life in lives[:-1]]
    return list(zip(ends, [life["from"] for life in lives[1:]]))


def summary(run):
    """What became of the container that crashed, in a sentence."""
    task = run["crash"]["task"]
    spans = [seconds(end - start) for start, end in downs(run, task)]
    if run["eins"]:
        return f"{task} was down for {spans[0]} until Docker restarted it, and for {spans[1]} when ECS replaced it after the outage."
    return f"{task} was down for {spans[0]}: nobody restarted it until the region was back."


def _panel(drawing, run, interval):
    away = next(span for span in run["region"] if span["state"] == "unreachable")
    top = drawing.y
    drawing.text(20, top, "With eins" if run["eins"] else "Without eins", "ink head")
    drawing.text(20, top + 20, summary(run), "dim")
    drawing.y = top + 48
    rows = 2 + len(run["tasks"]) + bool(run["eins"])
    bottom = drawing.y + rows * ROW - (ROW - BAR)
    drawing.parts.append(f'<rect x="{drawing.x(away["from"]):.1f}" y="{drawing.y - 4}" width="{drawing.x(away["to"]) - drawing.x(away["from"]):.1f}" '
                         f'height="{bottom - drawing.y + 8}" class="band"/>')
    for tick in range(0, int(run["length"]) + 1, 5):
        drawing.line(tick, drawing.y - 4, bottom + 4, "grid")
        if tick % 10 == 0:
            drawing.text(drawing.x(tick), bottom + 18, f"{tick} s", "dim mid")
    drawing.text(WIDTH - 20, drawing.y - 9, "down", "dim end")
    crash = run["crash"]
    drawing.text(drawing.x(away["from"]) + 3, drawing.y - 9, f"region gone {seconds(away['from'])}", "dim end")
    drawing.text(drawing.x(crash["at"]) - 3, drawing.y - 9, f"{crash['task']} crashes {seconds(crash['at'])}", "dim")
    drawing.text(drawing.x(away["to"]) - 3, drawing.y - 9, f"region back {seconds(away['to'])}", "dim")
    for when in (away["from"], crash["at"], away["to"]):
        drawing.line(when, top + 44, bottom + 4, "event")
    _rows(drawing, run, interval)
    drawing.y = bottom + 52


def _rows(drawing, run, interval):
    def name(words):
        drawing.text(20, drawing.y + 12, words)

    def next_row():
        drawing.y += ROW

    name("region")
    for span in run["region"]:
        kind, words = STATES[span["state"]]
        drawing.bar(span["from"], span["to"], kind, [words])
    next_row()
    if run["eins"]:
        name("checks")
        for number, check in enumerate(run["checks"]):
            turned = number > 0 and check["phase"] != run["checks"][number - 1]["phase"]
            drawing.parts.append(f'<circle cx="{drawing.x(check["from"]):.1f}" cy="{drawing.y + BAR / 2}" r="{4 if turned else 2.4}" '
                                 f'class="{"pause" if turned else "dim"}"/>')
        drawing.text(WIDTH - 20, drawing.y + 12, f"every {interval:g} s", "dim end")
        next_row()
    name("ecs-agent")
    for span in run["agent"]:
        kind, words = STATES[span["state"]]
        drawing.bar(span["from"], span["to"], kind, [words])
    next_row()
    for task, lives in run["tasks"].items():
        name(task)
        for start, end in downs(run, task):
            drawing.bar(start, end, "down", [f"down for {seconds(end - start)}", "down"])
        for number, life in enumerate(lives):
            kind = "docker" if life["by"] == "docker" else "ecs" if number else "run"
            drawing.bar(life["from"], life["to"], kind, LIVES[kind])
        total = sum(round(end - start, 1) for start, end in downs(run, task))
        drawing.text(WIDTH - 20, drawing.y + 12, seconds(total) if total else "0 s", "alarm end" if total else "dim end")
        if task == run["crash"]["task"]:
            x, y = drawing.x(run["crash"]["at"]), drawing.y + BAR / 2
            drawing.parts.append(f'<path d="M{x - 4:.1f} {y - 4}l8 8m0 -8l-8 8" class="cross"/>')
        next_row()


def picture(record):
    drawing = Drawing(max(run["length"] for run in record["runs"]))
    drawing.y = 36
    for run in record["runs"]:
        _panel(drawing, run, record["interval"])
    footer = [
        f"Two real runs with Docker {record['docker']}. Each container writes a heartbeat every {record['beat']:g} s; its bars reach from the "
        "first to the last one.",
        f"A check comes every {record['interval']:g} s here, by default every 20 s; a large dot is one that changed the phase. "
        "A server on the same host plays",
        f"the region, and a program plays ECS: while the agent runs and the region is there, it launches what is down after {record['launch']:g} s.",
    ]
    for words in footer:
        drawing.text(20, drawing.y - 8, words, "dim small")
        drawing.y += 16
    height = drawing.y
    told = " ".join(f"{'With' if run['eins'] else 'Without'} eins: {summary(run)}" for run in record["runs"])
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"
 role="img" aria-labelledby="title told">
<title id="title">An outage of the region, with eins and without</title>
<desc id="told">{escape(told)} The two other containers run without a break in both. {escape(" ".join(footer))}</desc>
<style>
text{{font:12px system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}}
text.head{{font-size:16px;font-weight:600}}text.small{{font-size:11px}}text.on,text.alarm.mid{{font-size:11px}}
.on{{fill:#fff}}.mid{{text-anchor:middle}}.end{{text-anchor:end}}
.alarm.mid{{stroke-width:5;paint-order:stroke;stroke-linejoin:round}}
.event{{stroke-dasharray:2 3}}.cross{{stroke-width:2.5;fill:none}}.stripe{{stroke-width:4}}
{_style(LIGHT)}
@media (prefers-color-scheme:dark){{{_style(DARK)}}}
</style>
<defs><pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="8" height="8" class="band"/><line x1="2" x2="2" y2="8" class="stripe"/></pattern></defs>
<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" class="card"/>
{chr(10).join(drawing.parts)}
</svg>
"""
