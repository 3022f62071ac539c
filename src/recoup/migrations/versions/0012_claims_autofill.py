"""Claims: documents of drafts are read, too, and whoever types the draft is shown what they say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PERSON = "(select nullif(current_setting('recoup.person', true), '')::uuid)"
OF_A_DRAFT = (
    "exists (select 1 from claims_documents as document "
    "where document.id = claims_proposals.document_id and document.draft_id is not null)"
)


def upgrade() -> None:
    """Say who reads a document, and show readings to their owner until the claim is filed.

    From then on they are hints for the reviewer, and the rule of 0010 stands alone. The owner adds and changes none.
    """
    op.add_column("claims_documents", sa.Column("reading_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("claims_documents", sa.Column("reader", sa.Text(), nullable=True))
    op.execute(
        "create policy owner_of_draft on claims_proposals "
        f"using (person_id = {PERSON} and {OF_A_DRAFT}) with check (false)"
    )
