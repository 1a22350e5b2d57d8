"""All tasks by name."""

from __future__ import annotations

from headstart.registry import Registry
from headstart.tasks.demo import DEMO
from headstart.tasks.glue import GLUE
from headstart.tasks.super_glue import SUPER_GLUE
from headstart.tasks.task import Task

TASKS: Registry[Task] = Registry("task")
for _task in (DEMO, *GLUE, *SUPER_GLUE):
    TASKS.add(_task.name, _task)
