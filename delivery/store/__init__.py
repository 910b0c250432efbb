"""All SQL statements: SQLAlchemy Core, one file per subject, domain objects in and out.

Every function takes the transaction it works in (`delivery.database.Tx`), so that a use case decides what happens
together. Nothing here commits.
"""
