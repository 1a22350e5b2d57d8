"""All tasks by name."""

from __future__ import annotations

from headstart.registry import Registry
from headstart.tasks.demo import DEMO
from headstart.tasks.demo_requests import DEMO_REQUESTS
from headstart.tasks.published import GLUE, SUPER_GLUE
from headstart.tasks.task import Task

WITHOUT_LABELS = "glue/ax"
"""Its labels are not public, so only a submission asks for answers to it."""

TASKS: Registry[Task] = Registry("task")
for _task in (DEMO, DEMO_REQUESTS, *GLUE.values(), *SUPER_GLUE.values()):
    if _task.name != WITHOUT_LABELS:
        TASKS.add(_task.name, _task)
