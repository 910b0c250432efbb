"""`python -m migrations.check`: do the migrations make exactly the tables of `delivery.tables`?"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from delivery import schema
from delivery.database import Database
from delivery.tables import metadata


async def differences(url: str) -> list[Any]:
    """Migrate an empty database and return what its schema lacks or has beyond the tables."""
    database = Database(url)
    try:
        await schema.upgrade(database)
        async with database.reading() as tx:
            return await tx.run_sync(lambda c: list(compare_metadata(MigrationContext.configure(c), metadata)))
    finally:
        await database.close()


def main() -> int:
    """Print the differences; exit status 1 when there are any."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(differences(f"sqlite+aiosqlite:///{Path(folder) / 'check.db'}"))
    for difference in found:
        sys.stderr.write(f"{difference}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
