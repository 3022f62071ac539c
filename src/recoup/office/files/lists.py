"""The list of stored files."""

from __future__ import annotations

from recoup.office.files import queries
from recoup.office.files.models import File
from recoup.office.files.rules import kind_of
from recoup.office.journal.telling import title_of
from recoup.web.lists import Column, Filter, Listing, Order, read_day

FILES: Listing[File] = Listing(
    name="files",
    title="Files",
    may="files.look",
    columns=(
        Column("name", "Name", lambda file: file.name, "wide"),
        Column("size", "Size", lambda file: file.size, "size"),
        Column("kind", "Kind", lambda file: kind_of(file.name, file.media_type)),
        Column(
            "subject",
            "Belongs to",
            lambda file: title_of(file.subject),
            link=lambda file: f"/desk/about/{file.subject}",
        ),
        Column("created_at", "Kept", lambda file: file.created_at, "instant"),
        Column("created_by", "By", lambda file: file.created_by, on_page=False),
        Column("media_type", "Media type", lambda file: file.media_type, on_page=False),
        Column("sha256", "SHA-256", lambda file: file.sha256, "code", on_page=False),
        Column("may", "Opening it needs", lambda file: file.may, on_page=False),
        Column("id", "Id", lambda file: file.id, "id", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "created_at"),
        Order("oldest", "oldest first", "created_at", descending=False),
    ),
    filters=(
        Filter("name", "Name", placeholder="a part of it"),
        Filter("subject", "Belongs to", placeholder="jobs/run/0198…"),
        Filter("since", "From", kind="day", read=read_day),
        Filter("until", "To", kind="day", read=read_day),
    ),
    rows=queries.files_page,
    href=lambda file: f"/desk/files/{file.id}",
    empty="No file was kept yet.",
    todo="Exports, reports and what runs leave behind are kept here.",
)
