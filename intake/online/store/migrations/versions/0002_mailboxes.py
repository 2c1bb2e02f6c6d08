"""Replies, acknowledgements, and what is known of a submission's way out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ADDED = ("bundle", "sha256", "acknowledged", "warned")
_TABLES = ("acknowledgements", "replies", "reply_marks", "withdrawn", "returns")


def upgrade() -> None:
    op.add_column("submissions", sa.Column("bundle", sa.Integer()))
    op.add_column("submissions", sa.Column("sha256", sa.LargeBinary(32)))
    op.add_column("submissions", sa.Column("acknowledged", sa.Date()))
    op.add_column("submissions", sa.Column("warned", sa.Date()))
    op.create_index("submissions_sameness", "submissions", ["sameness"], unique=True)
    op.create_table(
        "acknowledgements",
        sa.Column(
            "submission",
            sa.LargeBinary(16),
            sa.ForeignKey("submissions.id", ondelete="CASCADE", onupdate="CASCADE"),
            primary_key=True,
        ),
        sa.Column("vault", sa.LargeBinary(32), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "replies",
        sa.Column("address", sa.LargeBinary(32), primary_key=True),
        sa.Column("id", sa.LargeBinary(16), nullable=False, unique=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reply_marks",
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "withdrawn",
        sa.Column("address", sa.LargeBinary(32), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "returns",
        sa.Column("vault", sa.LargeBinary(32), primary_key=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    op.drop_index("submissions_sameness")
    with op.batch_alter_table("submissions") as submissions:
        for column in _ADDED:
            submissions.drop_column(column)
