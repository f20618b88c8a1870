"""Finds jobs that wait in a broker because no worker takes them, as after a job was sent to a queue of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from weighbridge.errors import EngineFault
from weighbridge.model.services import REDIS_LIKE, name_kind
from weighbridge.smoke.stack import redis_commands
from weighbridge.smoke.stack.containers import Stack

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
_NO_QUEUE_OF_JOBS = re.compile(r"\.pidbox$|^celeryev\.")
"""Queues of RabbitMQ by which workers are asked and tell of events (celery.events, kombu.pidbox)."""
_SLOW_SECONDS = 30.0
"""RabbitMQ's own tool starts a virtual machine first."""
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
        stack.pause()
        later = count_waiting(stack)
        waiting = {name: count for name, count in waiting.items() if later.get(name, 0) >= count}
    workers = stack.settings.worker_names
    consumed = list(dict.fromkeys(name for role in workers for name in _CONSUMED.findall(stack.read_log(role, None))))
    queues = sorted(name for name in waiting if name not in consumed)
    if not queues:
        return ""
    names = ", ".join(f"{name} ({waiting[name]})" for name in queues[:_SHOWN])
    if len(workers) == 1:
        taken = f"; it takes them from {', '.join(consumed)}" if consumed else ""
        cure = f"add --queues {','.join([*consumed, *queues[:_SHOWN]])} to roles.{workers[0]}.command"
    else:
        taken = f"; they take them from {', '.join(consumed)}" if consumed else ""
        cure = f"let one of them ({', '.join(workers)}) take jobs from {', '.join(queues[:_SHOWN])}, too"
    return (
        f"no worker takes the jobs that wait in queue {names}{taken}; {cure}, "
        "or send the jobs to a queue that a worker takes jobs from"
    )


def count_waiting(stack: Stack) -> Mapping[str, int]:
    """Return queue -> how many jobs wait in it, in each service that may be a broker; without those that are silent."""
    counts: dict[str, int] = {}
    for name, service in stack.settings.services.items():
        kind = name_kind(service.image)
        if kind in REDIS_LIKE:
            counts |= _count_in_redis(stack, name)
        elif kind == "rabbitmq":
            counts |= _count_in_rabbitmq(stack, name, service.environment.get("RABBITMQ_DEFAULT_VHOST", "/"))
    return counts


def _count_in_rabbitmq(stack: Stack, service: str, host: str) -> dict[str, int]:
    """Return the queues of one virtual host, with the jobs that are ready to be delivered."""
    command = (
        "rabbitmqctl",
        "--quiet",
        "--formatter",
        "json",
        "list_queues",
        "--vhost",
        host,
        "name",
        "messages_ready",
    )
    try:
        result = stack.engine.execute(stack.build_name(service), command, _SLOW_SECONDS)
        rows = json.loads(result.streams.output)
        found = {str(row["name"]): int(row["messages_ready"]) for row in rows}
    except (EngineFault, ValueError, KeyError, TypeError):
        return {}
    return {name: count for name, count in found.items() if count and not _NO_QUEUE_OF_JOBS.search(name)}


def _count_in_redis(stack: Stack, service: str) -> dict[str, int]:
    """Return the queues of all databases, with their jobs of all priorities; empty if the server does not answer."""
    try:
        lists, bound = json.loads(redis_commands.run(stack, service, "eval", _LIST, "0"))
    except (EngineFault, ValueError):
        return {}
    queues = {binding.rpartition(_SEPARATOR)[2] for binding in bound}
    counts: dict[str, int] = {}
    for key, count in lists:
        name = key.partition(_SEPARATOR)[0]
        if not queues or name in queues:  # beside Kombu, an application may keep lists of its own
            counts[name] = counts.get(name, 0) + count
    return counts
