"""The schema. Every instant is UTC; every state is a word of `delivery.model`."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from delivery.columns import BigId, Instant, one_of, only
from delivery.member import ChangeKind, Consent
from delivery.model import Act, BroadcastKind, BroadcastState, DeliveryState, ScheduleState, Stage

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

announcement = Table(
    "announcement",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("request_key", Text, unique=True),  # `announce --key`, or the update that brought it: never twice
    Column("stage", Text, nullable=False),
    Column("author_id", BigInteger),
    Column("author", Text, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("decided_by", BigInteger),
    Column("created_at", Instant, nullable=False),
    one_of("stage", Stage),
)

revision = Table(
    "revision",
    metadata,
    Column("announcement_id", BigId, ForeignKey("announcement.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("post", JSON, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("announcement_id", "number"),
)

media = Table(
    "media",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

broadcast = Table(
    "broadcast",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("announcement_id", BigId, ForeignKey("announcement.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("release_key", Text, nullable=False, unique=True),  # two presses, one broadcast
    Column("state", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("released_by", Text, nullable=False),
    Column("released_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("resumed_at", Instant),  # after a pause: what waited is not late for it
    Column("kind", Text, nullable=False, server_default=BroadcastKind.ANNOUNCEMENT.value),
    Column("about", BigId, ForeignKey("broadcast.id")),  # the broadcast that this one corrects or recalls
    one_of("state", BroadcastState),
    one_of("kind", BroadcastKind),
    Index("ix_broadcast_running", "id", **only("state = 'running'")),
)

NAMELESS = "erased:"
"""Begins what stands in the place of an address that was erased at its owner's wish (`store.erasure`)."""

delivery = Table(
    "delivery",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("broadcast_id", BigId, ForeignKey("broadcast.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("list_key", Text, nullable=False),
    Column("list_name", Text, nullable=False),
    Column("destination", Text, nullable=False, server_default=""),  # a mailbox's domain, which may be slow as a whole
    Column("state", Text, nullable=False),
    Column("key", Text, nullable=False),  # VK's guid, a letter's Message-ID: the same for every attempt
    Column("key_since", Instant),  # when the key was first shown to the other side
    Column("doubtful", Boolean, nullable=False),  # an attempt under this key may have gone out unheard
    Column("due_at", Instant, nullable=False),
    Column("lease", Text),
    Column("lease_until", Instant),
    Column("attempt_id", BigId),  # the attempt in hand; a result must name it to count
    Column("attempts", Integer, nullable=False),
    Column("external_ids", JSON),
    Column("link", Text),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("act", Text, nullable=False, server_default=Act.SEND.value),
    Column("about", BigId, ForeignKey("delivery.id")),  # the delivery that is corrected or withdrawn
    UniqueConstraint("broadcast_id", "channel", "address", "part"),
    one_of("state", DeliveryState),
    one_of("act", Act),
    Index(
        "ix_delivery_due",
        "broadcast_id",
        "channel",
        "due_at",
        "id",
        **only("state = 'queued'"),
    ),
    Index(
        "ix_delivery_elsewhere",
        "broadcast_id",
        "channel",
        "destination",
        "due_at",
        "id",
        **only("state = 'queued' AND destination <> ''"),
    ),
    Index(
        "ix_delivery_lease",
        "lease_until",
        **only("state = 'sending'"),
    ),
    Index(
        "ix_delivery_trouble",
        "broadcast_id",
        "id",
        **only("state IN ('failed', 'unconfirmed', 'returned')"),
    ),
    Index(
        "ix_delivery_repeat",
        "key_since",
        **only("doubtful AND state = 'queued'"),
    ),
    Index(
        "ix_delivery_about",
        "about",
        **only("about IS NOT NULL"),
    ),
    Index(
        "ix_delivery_link",
        "broadcast_id",
        "id",
        **only("link IS NOT NULL"),
    ),
)

# Counted by triggers (`delivery.guards`) in the transaction that changes a delivery, so that nobody counts a million
# rows. On Postgres several connections count the same broadcast in rows of their own (`shard`): their sum is true,
# and no transaction waits for another one's row. What was cancelled before it had become a delivery has a row of its
# own, `UNWRITTEN`: nobody else remembers whom a large release was meant for.
UNWRITTEN = -1
progress = Table(
    "progress",
    metadata,
    Column("broadcast_id", BigId, ForeignKey("broadcast.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("shard", Integer, nullable=False),
    *(Column(state.value, BigInteger, nullable=False, server_default=text("0")) for state in DeliveryState),
    PrimaryKeyConstraint("broadcast_id", "channel", "shard"),
)

# A list whose members are still to become deliveries of a broadcast: large ones are taken in slices, so that others
# may write in between. `after_address` is how far it has got, `expected` how many deliveries all lists of the channel
# make together, as counted at the release.
filling = Table(
    "filling",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("broadcast_id", BigId, ForeignKey("broadcast.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("channel", Text, nullable=False),
    Column("list_key", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("after_address", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expected", BigInteger, nullable=False),
    Column("tag", Text, nullable=False, server_default=""),  # only members that bear it; empty: all
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("delivery_id", BigId, ForeignKey("delivery.id"), nullable=False, index=True),
    Column("channel", Text),  # whose limits it counts for; empty for a person's word, which asks nobody
    Column("number", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text),
    Column("reason", Text),
    Column("detail", Text, nullable=False),
    Column("actor", Text, nullable=False),  # the worker, or the person who settled it
    Index("ix_attempt_start", "channel", "started_at"),
)

channel_hold = Table(
    "channel_hold",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("retry_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("told", Boolean, nullable=False),
)

schedule = Table(
    "schedule",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("announcement_id", BigId, ForeignKey("announcement.id"), nullable=False, index=True),
    Column("cron", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("next_local", DateTime),
    Column("next_at", Instant, index=True),
    Column("until", Instant),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    one_of("state", ScheduleState),
)

occurrence = Table(
    "occurrence",
    metadata,
    Column("schedule_id", BigId, ForeignKey("schedule.id"), nullable=False),
    Column("local_moment", DateTime, nullable=False),  # wall time: an hour that comes twice fires once
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("broadcast_id", BigId, ForeignKey("broadcast.id")),
    Column("told", Boolean, nullable=False),
    PrimaryKeyConstraint("schedule_id", "local_moment"),
)

mailing_list = Table(
    "mailing_list",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

member = Table(
    "member",
    metadata,
    Column("list_key", Text, ForeignKey("mailing_list.key"), nullable=False),
    Column("address", Text, nullable=False),  # ASCII, as it goes on the wire
    Column("shown", Text, nullable=False),  # as people read it
    Column("name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("tags", Text, nullable=False, server_default=""),  # as `delivery.member.joined` writes them
    Column("consent", Text, nullable=False, server_default=Consent.UNKNOWN.value),
    Column("consent_source", Text, nullable=False, server_default=""),
    Column("consent_on", Text, nullable=False, server_default=""),  # a date, ISO 8601; empty: not known
    Column("import_id", BigId, ForeignKey("list_import.id")),  # the import that wrote this row last
    PrimaryKeyConstraint("list_key", "address"),
    one_of("consent", Consent),
)

# What an import changed, so that it can be undone: each row as it was before. Names no list by foreign key, since an
# import may have made the list, and undoing it takes the list away.
list_import = Table(
    "list_import",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("list_key", Text, nullable=False),
    Column("made_list", Boolean, nullable=False),
    Column("name_before", Text, nullable=False),
    Column("name_after", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("undone_at", Instant),
    Index("ix_list_import_list", "list_key", "id"),
)

list_change = Table(
    "list_change",
    metadata,
    Column("import_id", BigId, ForeignKey("list_import.id"), nullable=False),
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("shown", Text),
    Column("name", Text),
    Column("organisation", Text),
    Column("tags", Text),
    Column("consent", Text),
    Column("consent_source", Text),
    Column("consent_on", Text),
    Column("source", Text),
    Column("added_at", Instant),
    Column("previous_import", BigInteger),
    PrimaryKeyConstraint("import_id", "address"),
    one_of("kind", ChangeKind),
    Index("ix_list_change_address", "address"),
)

# Addresses that were erased on request, as keyed hashes: enough to know one when it comes back, and nothing else.
erased = Table(
    "erased",
    metadata,
    Column("mark", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

suppression = Table(
    "suppression",
    metadata,
    Column("address", Text, nullable=False),
    Column("list_key", Text, nullable=False),  # empty: every list
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    PrimaryKeyConstraint("address", "list_key"),
)

# Letters of a mailbox for returns that meant something, each once, whatever it is called there: by its digest. Not put
# away yet: it is on record, and is still to be marked or moved in the mailbox.
returned_letter = Table(
    "returned_letter",
    metadata,
    Column("channel", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("validity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("put_away", Boolean, nullable=False),
    PrimaryKeyConstraint("channel", "digest"),
    Index("ix_returned_letter_lying", "channel", "validity", **only("NOT put_away")),
)

# What came back. `counts`: one of those that take an address off when there are enough of them. `waits`: the delivery
# was under way when this came, so nothing could be said of it yet.
returned = Table(
    "returned",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("delivery_id", BigId, ForeignKey("delivery.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", Text, nullable=False),  # the delivery's own, as its member's is written
    Column("written_at", Instant),  # the Date of the letter that came back
    Column("at", Instant, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("waits", Boolean, nullable=False),
    Index("ix_returned_counting", "address", "at", **only("counts")),
    Index("ix_returned_waiting", "id", **only("waits")),
)

# How far a mailbox has been read, and what in it was nobody's: forged marks, and returns without a proof.
return_box = Table(
    "return_box",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("validity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("read_at", Instant, nullable=False),
    Column("forged", BigInteger, nullable=False),
    Column("strange", BigInteger, nullable=False),
)

incoming = Table(
    "incoming",
    metadata,
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("handled_at", Instant),
    Index(
        "ix_incoming_waiting",
        "update_id",
        **only("handled_at IS NULL"),
    ),
)

piece = Table(
    "piece",
    metadata,
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("author_id", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("bundle", Text, nullable=False),  # what belongs together: an album, a text the app has cut
    Column("album", Text),  # Telegram's media_group_id
    Column("forwarded", Boolean, nullable=False),
    Column("post", JSON, nullable=False),
    Column("sent_at", Instant, nullable=False),  # Telegram's date: what was sent in one go, however late it arrives
    Column("received_at", Instant, nullable=False),
    Column("quiet_until", Instant),  # when nothing more is expected; empty: a person must say what it is
    Column("announcement_id", BigId, ForeignKey("announcement.id"), index=True),
    PrimaryKeyConstraint("chat_id", "message_id"),
    Index("ix_piece_bundle", "chat_id", "bundle"),
)

conversation = Table(
    "conversation",
    metadata,
    Column("key", Text, primary_key=True),
    Column("state", Text),
    Column("data", JSON, nullable=False),
)

board = Table(
    "board",
    metadata,
    Column("broadcast_id", BigId, ForeignKey("broadcast.id"), nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("shown", Text, nullable=False),  # digest of what stands there, so that nothing is edited in vain
    Column("done", Boolean, nullable=False),
    PrimaryKeyConstraint("broadcast_id", "chat_id"),
)

card = Table(
    "card",
    metadata,
    Column("announcement_id", BigId, ForeignKey("announcement.id"), nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("wanted", Integer, nullable=False),  # counts the wishes to draw it again …
    Column("drawn", Integer, nullable=False),  # … and which of them stands there
    Column("anew", Boolean, nullable=False),  # below the talk, as a new message: somebody must look
    Column("note", JSON, nullable=False),
    PrimaryKeyConstraint("announcement_id", "chat_id"),
)

news = Table(
    "news",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)
