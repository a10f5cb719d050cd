# SPDX-License-Identifier: MIT-0
"""Fixtures: thin wrappers around tests/support, which knows nothing of pytest."""
import os
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.agent import Agent, EcsInit  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.eins import Eins  # noqa: E402
from support.engine import Engine  # noqa: E402
from support.metrics import Watched  # noqa: E402
from support.netns import Network  # noqa: E402
from support.outage import Outage  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.region import Region  # noqa: E402
from support.scripted_engine import ScriptedEngine  # noqa: E402
from support.scripted_shapes import as_old_as  # noqa: E402

NO_SKIP = os.environ.get("CI") == "true" or os.environ.get("EINS_NO_SKIP") == "1"


def pytest_configure():
    """A SIGTERM, as from a CI job that is cancelled, still removes what the fixtures made."""
    def interrupt(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)


def _forbid_skip(report):
    """A test that does not run where it must is a failure. (An expected failure also says "skipped"; it did run.)"""
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI forbids: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    _forbid_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    outcome = yield
    _forbid_skip(outcome.get_result())


@pytest.fixture(scope="session")
def certificates():
    with tempfile.TemporaryDirectory(prefix="eins-ca-") as folder:
        yield Certificates(folder)


@pytest.fixture(scope="session")
def engine():
    """For `docker`; a test that takes this one gets whatever the tests before it have left."""
    with Engine(root=os.environ.get("EINS_ENGINE_ROOT", "")) as engine:
        yield engine


@pytest.fixture
def docker(engine):
    """The engine: it runs, without live-restore, and is empty."""
    engine.ensure()
    yield engine
    engine.ensure()
    engine.remove_all()


@pytest.fixture
def scripted(docker):
    """A scripted engine of the real one's age."""
    with ScriptedEngine(as_old_as(docker.api.get("/version")["ApiVersion"])) as engine:
        yield engine


@pytest.fixture
def watched(certificates):
    """A host of its own that writes metrics."""
    with Watched(certificates) as watched:
        yield watched


@pytest.fixture
def region(certificates):
    with Region(certificates) as region:
        yield region


@pytest.fixture
def proxy(region):
    """A CONNECT proxy whose tunnels all lead to the region."""
    with Proxy((region.address, region.port)) as proxy:
        yield proxy


@pytest.fixture
def network(certificates):
    """A namespace in which the region's real name leads to network.region."""
    with Network(certificates) as network:
        yield network


@pytest.fixture
def agent(docker):
    """A running ecs-agent. Nobody recreates it, unless the test also takes ecs_init."""
    agent = Agent(docker)
    agent.start()
    return agent


@pytest.fixture
def ecs_init(agent):
    """Recreates the agent. No test passes in which the agent was ever ended politely: that ends ecs-init, and the node is lost."""
    with EcsInit(agent) as ecs_init:
        yield ecs_init
    assert not ecs_init.ended_politely, f"the agent was stopped, ecs-init has ended; exit codes: {ecs_init.exits}"


@pytest.fixture
def eins(docker, region):
    """eins-check, configured for `docker` and `region`."""
    with Eins(docker, region) as eins:
        yield eins


@pytest.fixture
def outage(region, eins):
    return Outage(region, eins)
