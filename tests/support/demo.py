# SPDX-License-Identifier: MIT-0
"""One whole outage, played before the reader's eyes: python3 tests/support/demo.py, as root, in a build folder.

A private Docker Engine, a local region, a stand-in for the ECS agent and one for ecs-init, and four containers. Each step is told, done, and
then checked against what was told: the exit code is 1 when the story does not come out. Nothing is left of it, not even after Ctrl-C.
"""
import contextlib
import datetime
import os
import shlex
import signal
import sys
import tempfile
import textwrap
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.agent import NAME, Agent, EcsInit  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.eins import Eins  # noqa: E402
from support.engine import Engine  # noqa: E402
from support.region import Region  # noqa: E402

WIDTH = 100
LASTS = 3  # seconds of outage before anything happens in it
ENDINGS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class StoryBroken(Exception):
    """What happened is not what was told."""


class Screen:
    """Everything that is printed goes through here: headings, sentences, command lines, tables."""

    def __init__(self):
        self._colour = sys.stdout.isatty()
        self._steps = 0

    def heading(self, text):
        self._steps += 1
        print(self._paint("1", f"\n== {self._steps}. {text} ".ljust(WIDTH + 1, "=")))

    def say(self, text):
        print("\n" + textwrap.fill(" ".join(text.split()), WIDTH))

    def show(self, text, colour="0"):
        print(self._paint(colour, "\n" + textwrap.indent(text.rstrip("\n"), "    ")))

    def table(self, rows):
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        self.show("\n".join(lines), "36")

    def command(self, result):
        """A command line as typed, what it printed, and its exit code."""
        line = shlex.join([os.path.basename(result.command[0]), *result.command[1:]])
        printed = result.out + result.err or "(it prints nothing: there is nothing to tell)\n"
        self.show(f"# {line}", "1;33")
        self.show(f"{printed}(exit code {result.code}, {result.seconds:.2f} s)")
        sys.stdout.flush()

    def _paint(self, colour, text):
        return f"\033[{colour}m{text}\033[0m" if self._colour else text


class Demo:
    """The stage and the steps. `names` are the short names of the containers, `first` is what was seen of them before the outage."""

    def __init__(self, engine, region, eins, screen):
        self.engine, self.region, self.eins, self.screen = engine, region, eins, screen
        self.agent = Agent(engine)
        self.names = {}
        self.first = {}

    def play(self):
        self.set_the_stage()
        self.connected()
        self.region_goes()
        self.container_crashes()
        self.region_returns()
        self.afterwards()

    # -- the steps -----------------------------------------------------------------------------------------------------

    def set_the_stage(self):
        self.screen.heading("The stage")
        self.screen.say(f"""A private dockerd runs in {self.engine.folder}, a server on {self.region.url} plays the region of the ECS
            cluster, and ecs-agent is a stand-in for the agent, which a stand-in for ecs-init looks after. Three containers carry the labels of
            ECS tasks; one of them has a restart policy of its own. database is not ECS's.""")
        self.names = {
            "web": self.engine.run("web"),
            "worker": self.engine.run("worker", stop_timeout=2),
            "telemetry": self.engine.run("telemetry", policy="on-failure", retries=5),
            "database": self.engine.run_plain("database"),
            NAME: NAME,
        }
        self.first = self.look()
        self.screen.say("The configuration of eins-check:")
        self.eins.write_conf()
        with open(self.eins.conf_file, encoding="utf-8") as file:
            self.screen.show(file.read())
        self.docker_ps("What Docker runs:")

    def connected(self):
        self.screen.heading("The region is there")
        self.screen.say("""On a real host a timer runs eins-check every 20 seconds. While the region answers, a check writes down which ECS
            containers run, and leaves Docker alone.""")
        self.check("--verbose", phase="connected")
        self.expect(self.look() == self.first, "a connected check changes nothing")

    def region_goes(self):
        self.screen.heading("The region cannot be reached")
        self.region.mode = "refused"
        self.screen.say("The server no longer accepts connections. First only the question what a check would do:")
        files = self.eins.files()
        self.dry_run("Phase:   connected -> disconnected")
        self.expect(self.look() == self.first and self.eins.files() == files, "a dry run changes nothing")
        self.screen.say("Now the check itself:")
        self.check("--verbose", phase="disconnected")
        self.docker_ps("The agent is frozen, and Docker restarts what crashes from now on. database is none of ECS's: it is left alone.")
        now = self.look()
        self.expect(now[NAME].status == "paused", "the agent is paused")
        self.expect_policies(web=("on-failure", 0), worker=("on-failure", 0), telemetry=("on-failure", 0), database=("no", 0))
        self.expect(all(now[name].started_at == self.first[name].started_at for name in now), "no container was restarted")

    def container_crashes(self):
        self.screen.heading("A container crashes while the region is away")
        self.screen.say("The outage lasts a while; then worker dies of a SIGKILL, as it would when memory runs out.")
        time.sleep(LASTS)
        self.engine.crash(self.names["worker"])
        self.engine.wait_restarted(self.names["worker"], self.first["worker"])
        self.docker_ps("Docker has restarted it. Without eins it would be down until the region is back:")
        self.screen.say("The next check has nothing to do, and nothing to say:")
        self.check("--verbose", phase="disconnected")
        now = self.look()
        self.expect(now["worker"].status == "running" and now["worker"].started_at != self.first["worker"].started_at, "worker was restarted")
        self.expect(now[NAME].status == "paused", "the agent is still paused")

    def region_returns(self):
        self.screen.heading("The region is back")
        self.region.mode = "forbidden"
        self.screen.say("An unsigned request gets a 403 from ECS: the region is there. What would a check do?")
        self.dry_run("Phase:   disconnected -> connected")
        self.screen.say("And the check:")
        self.check("--verbose", phase="connected")
        self.docker_ps("""Everything is handed back. worker was restarted in the outage, and ECS knows nothing of its new run: it was removed, and
            ECS launches its task anew (there is no ECS here, so it stays away).""")
        now = self.look()
        self.expect(now["worker"] is None, "the restarted container was removed")
        for name in ("web", "telemetry", "database", NAME):
            self.expect(now[name] == self.first[name], f"{name} is as it was before the outage")

    def afterwards(self):
        self.screen.heading("Afterwards")
        self.screen.say("All is as it was, and a check is silent again:")
        self.check("--verbose", phase="connected")
        self.screen.say("What the whole outage left in the log:")
        self.screen.show("\n".join(self.eins.log_lines()))

    # -- how -----------------------------------------------------------------------------------------------------------

    def check(self, *arguments, phase):
        result = self.eins.run(*arguments)
        self.screen.command(result)
        self.expect(result.code == 0, f"the exit code is 0, not {result.code}")
        self.expect(self.eins.phase == phase, f"the phase is {phase}, not {self.eins.phase}")

    def dry_run(self, told):
        result = self.eins.run("--dry-run")
        self.screen.command(result)
        self.expect(result.code == 0 and told in result.out, f"it says: {told}")

    def look(self):
        """Short name -> Seen, or None for a container that is gone."""
        view = self.engine.view()
        return {name: view.get(full) for name, full in self.names.items()}

    def docker_ps(self, text):
        """What `docker ps` would show, and what it does not: the restart policy, and whether it is still the run of before the outage."""
        rows = [("CONTAINER", "STATUS", "RESTART POLICY", "RUNNING SINCE")]
        for name, seen in self.look().items():
            if seen is None:
                rows.append((name, "gone", "", ""))
                continue
            policy = f"{seen.policy}:{seen.retries}" if seen.retries else seen.policy
            since = datetime.datetime.fromisoformat(seen.started_at).astimezone().strftime("%H:%M:%S.%f")[:-3]
            rows.append((name, seen.status, policy, since + ("" if seen.started_at == self.first[name].started_at else "  <- restarted")))
        self.screen.say(text)
        self.screen.table(rows)

    def expect_policies(self, **policies):
        for name, policy in policies.items():
            now = self.engine.policy(self.names[name])
            self.expect(now == policy, f"the restart policy of {name} is {policy}, not {now}")

    def expect(self, true, what):
        if not true:
            raise StoryBroken(f"The story is broken. Expected: {what}.\n\n" + "\n".join(self.eins.log_lines()))


def run(stack, screen):
    print("Starting a private Docker Engine ...", flush=True)
    engine = stack.enter_context(Engine())
    region = stack.enter_context(Region(Certificates(stack.enter_context(tempfile.TemporaryDirectory(prefix="eins-ca-")))))
    eins = stack.enter_context(Eins(engine, region))
    eins.conf["log"]["level"] = "INFO"
    demo = Demo(engine, region, eins, screen)
    ecs_init = stack.enter_context(EcsInit(demo.agent))
    demo.play()
    demo.expect(not ecs_init.exits, "the agent never ended")


def interrupt(number, _):
    hear(signal.SIG_IGN)  # once is enough: what is being made is removed
    raise KeyboardInterrupt(ENDINGS[number])


def hear(handler):
    for number in ENDINGS:
        signal.signal(number, handler)


def main():
    screen = Screen()
    start = time.monotonic()
    hear(interrupt)
    code, ending = 0, None
    try:
        with contextlib.ExitStack() as stack:
            try:
                run(stack, screen)
            finally:
                hear(signal.SIG_IGN)
                print("\nCleaning up: containers, engine, folders ...", flush=True)
        ending = f"The story came out as told, in {time.monotonic() - start:.0f} s. Nothing is left of it on this host."
    except KeyboardInterrupt as error:
        code, ending = 130, f"Ended by {error}. Nothing is left of it on this host."
    except (StoryBroken, AssertionError, RuntimeError, OSError) as error:
        code, ending = 1, f"{error}"
    print(ending)
    return code


if __name__ == "__main__":
    sys.exit(main())
