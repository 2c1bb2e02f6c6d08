"""The first schema: submissions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("address", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("sameness", sa.LargeBinary(32), nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
        sa.Column("manifest_version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("submissions")
