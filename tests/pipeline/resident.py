"""resident - what a stage may keep in memory"""
from tower import BIN

AGENT_MAX_KB = 10000


def agent_is_small(t):
    """Sanitizers have their own idea of small."""
    kb = t.rss_kb("agent")
    assert kb < AGENT_MAX_KB or "asan" in BIN, "the agent has %d kB resident" % kb
