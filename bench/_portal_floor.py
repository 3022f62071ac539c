"""The floor of bench/portal.py: one route, one query, one template, and nothing that a portal needs besides."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment
from sqlalchemy import create_engine, text

TEMPLATE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Runs</title></head><body><h1>Runs</h1>
<table><thead><tr><th>Job</th><th>State</th><th>Queued</th><th>Took</th><th>Started by</th><th>What</th></tr></thead>
<tbody>{% for run in runs %}<tr><td><a href="/runs/{{ run.id }}">{{ run.job }}</a></td><td>{{ run.state }}</td>
<td><time datetime="{{ run.queued_at.isoformat() }}">{{ run.queued_at.strftime("%d %b %Y, %H:%M") }}</time></td>
<td>{{ run.finished_at - run.started_at }}</td><td>{{ run.actor }}</td><td>{{ run.summary }}</td></tr>{% endfor %}
</tbody></table></body></html>"""


def main() -> None:
    """Serve on the file descriptor that was given."""
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=20)
    page = Environment(loader=DictLoader({"runs": TEMPLATE}), autoescape=True).get_template("runs")
    bare = FastAPI()

    @bare.get("/", response_class=HTMLResponse)
    def runs() -> str:
        with engine.connect() as connection:
            rows: Any = connection.execute(text("select * from runs order by id desc limit 51")).all()
        return page.render(runs=rows[:50])

    server = uvicorn.Server(
        uvicorn.Config(bare, log_config=None, access_log=False, lifespan="off", ws="none")
    )
    server.run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
