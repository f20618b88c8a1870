"""Finds jobs that wait in Redis because no worker takes them, as after a job was sent to a queue of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from weighbridge.errors import EngineFault
from weighbridge.smoke.stack.containers import REDIS, WORKER, Stack

_LIST = """
local lists, bound = {}, {}
for database = 0, 15 do
  if redis.pcall('select', database).err then break end
  local cursor = '0'
  repeat
    local answer = redis.call('scan', cursor, 'COUNT', 1000)
    cursor = answer[1]
    for _, key in ipairs(answer[2]) do
      local kind = redis.call('type', key).ok
      if kind == 'list' then lists[#lists + 1] = {key, redis.call('llen', key)} end
      if kind == 'set' and string.find(key, '_kombu.binding.', 1, true) == 1 then
        for _, member in ipairs(redis.call('smembers', key)) do bound[#bound + 1] = member end
      end
    end
  until cursor == '0'
end
return cjson.encode({lists, bound})
"""
"""Finds the lists of all databases with their lengths, because a broker in Redis keeps each queue as a list; and
Kombu's bindings, which name the queues."""
_SEPARATOR = "\x06\x16"
"""Kombu's mark between a queue and a priority, and between the parts of a binding, of which the last is the queue
(kombu.transport.redis, `Channel.sep`)."""
_CONSUMED = re.compile(r"\.> (\S+) +exchange=")
"""A queue in the banner that a Celery worker prints when it starts (celery.apps.worker, `BANNER`)."""
_SECONDS = 10.0
_SHOWN = 3
_LOOKS = 3


def describe_unconsumed(stack: Stack) -> str:
    """Return which queues hold jobs that no worker takes, and what to do, as the end of a sentence; empty: none do.

    A queue counts if none of its jobs is taken while we look several times. If the worker says which queues it takes
    jobs from, only the others count.
    """
    waiting = count_waiting(stack)
    for _ in range(_LOOKS - 1):
        if not waiting:
            return ""
        stack.interruption.pause()
        later = count_waiting(stack)
        waiting = {name: count for name, count in waiting.items() if later.get(name, 0) >= count}
    consumed = list(dict.fromkeys(_CONSUMED.findall(stack.read_log(WORKER, None))))
    queues = sorted(name for name in waiting if name not in consumed)
    if not queues:
        return ""
    names = ", ".join(f"{name} ({waiting[name]})" for name in queues[:_SHOWN])
    taken = f"; it takes them from {', '.join(consumed)}" if consumed else ""
    return (
        f"no worker takes the jobs that wait in queue {names}{taken}; "
        f"add --queues {','.join([*consumed, *queues[:_SHOWN]])} to roles.worker.command, "
        "or send the jobs to a queue that the worker takes jobs from"
    )


def count_waiting(stack: Stack) -> Mapping[str, int]:
    """Return queue -> how many jobs wait in it, of all priorities; empty if Redis does not answer."""
    command = ("redis-cli", "--raw", "eval", _LIST, "0")
    try:
        result = stack.engine.execute(stack.build_name(REDIS), command, _SECONDS)
        lists, bound = json.loads(result.streams.output)
    except (EngineFault, ValueError):
        return {}
    queues = {binding.rpartition(_SEPARATOR)[2] for binding in bound}
    counts: dict[str, int] = {}
    for key, count in lists:
        name = key.partition(_SEPARATOR)[0]
        if not queues or name in queues:  # beside Kombu, an application may keep lists of its own
            counts[name] = counts.get(name, 0) + count
    return counts
