"""The floor of bench/claims.py: one route that writes the same bytes to the same store and inserts one row."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Form, UploadFile
from sqlalchemy import create_engine, text

from recoup.adapters.stores import open_store


def main() -> None:
    """Serve a store's folder (the first word) on the file descriptor that was given (the second)."""
    engine = create_engine(os.environ["DATABASE_OWNER_URL"], pool_size=20)
    store = open_store(sys.argv[1])
    bare = FastAPI()
    with engine.begin() as connection:
        connection.execute(
            text("create table if not exists bare (id uuid primary key, amount text, key text)")
        )

    @bare.post("/claims")
    def file(claim_amount: Annotated[str, Form()], files: UploadFile) -> dict[str, str]:
        number = uuid.uuid4()
        store.put_if_absent(f"bare/{number}", files.file, media_type="application/pdf")
        with engine.begin() as connection:
            connection.execute(
                text("insert into bare values (:id, :amount, :key)"),
                {"id": number, "amount": claim_amount, "key": f"bare/{number}"},
            )
        return {"id": str(number)}

    server = uvicorn.Server(
        uvicorn.Config(bare, log_config=None, access_log=False, lifespan="off", ws="none")
    )
    server.run(sockets=[socket.socket(fileno=int(sys.argv[2]))])


if __name__ == "__main__":
    main()
